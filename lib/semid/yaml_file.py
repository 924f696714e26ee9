"""A mapping from YAML text; what is wrong with it names its source."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import yaml

from semid.errors import ConfigError

DEEPEST = 32
"""Levels of nesting; the configuration has three. Deeper ones ended in Python's recursion limit further on."""

_LONGEST_NUMBER = 64
_LEFT_OUT = {f"tag:yaml.org,2002:{name}" for name in ("binary", "omap", "pairs", "set")}


class _PlainLoader(yaml.SafeLoader):
    """YAML as far as settings need it: text keys, each once; no aliases, which can stand for gigabytes.

    PyYAML would take the last of two keys silently, and eleven lines of aliases of nine aliases each did not end.
    """

    yaml_constructors: ClassVar[dict[str | None, Any]] = {
        tag: make for tag, make in yaml.SafeLoader.yaml_constructors.items() if tag not in _LEFT_OUT
    }
    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _refusal("aliases (*) are not supported", event.start_mark)
        if self._depth > DEEPEST:
            raise _refusal(f"nested deeper than {DEEPEST} levels", event.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if wrong := [key for key in keys if not isinstance(key, str)]:
            raise _refusal(f"keys of a mapping that are no text: {wrong[:3]}", node.start_mark)
        if twice := sorted(key for key, times in Counter(keys).items() if times > 1):
            raise _refusal(f"keys given twice: {twice}", node.start_mark)
        return super().construct_mapping(node, deep)

    def construct_number(self, node: Any) -> float:
        # An integer of thousands of digits cannot be printed again, and 1:59:59 is a number of base 60 to YAML.
        if len(node.value) > _LONGEST_NUMBER:
            raise _refusal(f"a number of {len(node.value)} characters", node.start_mark)
        kind = "int" if node.tag.endswith(":int") else "float"
        made: float = yaml.SafeLoader.yaml_constructors[f"tag:yaml.org,2002:{kind}"](self, node)
        return made

    def construct_text(self, node: Any) -> str:
        text = str(self.construct_scalar(node))
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise _refusal("half of a surrogate pair, which is no text", node.start_mark)
        return text


_PlainLoader.add_constructor("tag:yaml.org,2002:int", _PlainLoader.construct_number)
_PlainLoader.add_constructor("tag:yaml.org,2002:float", _PlainLoader.construct_number)
_PlainLoader.add_constructor("tag:yaml.org,2002:str", _PlainLoader.construct_text)


def _refusal(what: str, mark: Any) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, what, mark)


def read_yaml(file: str) -> dict[str, Any]:
    """Return the mapping in a YAML file, or raise ConfigError naming it."""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the configuration file cannot be read: {error}", where=file, next_step="check --config"
        ) from error
    return parse_yaml(text, file)


def parse_yaml(text: str, source: str) -> dict[str, Any]:
    """Return the mapping that `text` holds, or raise ConfigError naming its source."""
    try:
        content = yaml.load(text, Loader=_PlainLoader)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise ConfigError(f"not valid YAML: {' '.join(str(error).split())}", where=source) from error
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError("expected a mapping of keys to values", where=source)
    return content
