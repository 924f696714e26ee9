"""A mapping from YAML text; what is wrong with it names its source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from semid.errors import ConfigError


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML, with a key given twice as an error: PyYAML would take the last one silently."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := sorted({str(key) for key in keys if keys.count(key) > 1}):
            raise yaml.constructor.ConstructorError(None, None, f"keys given twice: {twice}", node.start_mark)
        return super().construct_mapping(node, deep)


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
        content = yaml.load(text, Loader=_UniqueKeyLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"not valid YAML: {' '.join(str(error).split())}", where=source) from error
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError("expected a mapping of keys to values", where=source)
    return content
