"""The configuration: YAML into frozen, typed models; an unknown key or a wrong type names file and key."""

from __future__ import annotations

import copy
import difflib
import json
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from semid.errors import ConfigError
from semid.location import Beside, Location
from semid.yaml_file import DEEPEST, parse_yaml, read_yaml


def _finite(params: Mapping[str, Any]) -> Mapping[str, Any]:
    if wrong := [name for name, value in params.items() if isinstance(value, float) and not math.isfinite(value)]:
        raise ValueError(f"not a finite number: {', '.join(wrong)}")
    return params


_KEY = re.compile(rf"\w+(\.\w+){{0,{DEEPEST}}}")
M = TypeVar("M", bound=BaseModel)
Share = Annotated[float, Field(ge=0.0, le=1.0)]
# The languages that Spark ML's StopWordsRemover brings.
StopWords = Literal[
    "danish", "dutch", "english", "finnish", "french", "german", "hungarian", "italian", "norwegian", "portuguese",
    "russian", "spanish", "swedish", "turkish",
]  # fmt: skip
CodebookSize = Annotated[int, Field(ge=2, le=65536)]


class Section(BaseModel):
    """A part of the configuration: frozen, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class FeedColumns(Section):
    """The feed's name of each column that semid knows."""

    item_id: str
    title: str
    brand: str
    category: str
    description: str
    price: str
    image_url: str
    updated_at: str
    embedding: str


class CatalogConfig(Section):
    """The feed: where it is, how it is read, when it is refused."""

    path: Location | None
    format: Literal["auto", "parquet", "csv", "jsonl", "delta"]
    mode: Literal["snapshot", "increment"]
    columns: FeedColumns
    attributes: tuple[str, ...]
    category_separator: Annotated[str, Field(min_length=1)]
    duplicates: Literal["quarantine", "latest"]
    max_quarantined: Share
    max_removed: Share


class TextConfig(Section):
    """How an item's row becomes the text that is embedded."""

    parts: Annotated[tuple[str, ...], Field(min_length=1)]
    separator: str
    max_bytes: Annotated[int, Field(ge=16)]
    reject_bytes: Annotated[int, Field(ge=16)]


class EmbeddingConfig(Section):
    """The embedding model and how it is run."""

    model: Location
    revision: str | None
    prompt: str
    max_seq_length: Annotated[int, Field(ge=1)] | None
    batch_size: Annotated[int, Field(ge=1, le=65536)]

    @property
    def supplied(self) -> bool:
        """Whether the feed brings the vectors itself."""
        return self.model.startswith("supplied:")


class ImagesConfig(Section):
    """Items' images: the model that embeds them, where they are, what an image may be."""

    model: Location | None
    revision: str | None
    root: Location | None
    weight: Annotated[float, Field(gt=0.0, lt=1.0)]
    batch_size: Annotated[int, Field(ge=1, le=65536)]
    max_bytes: Annotated[int, Field(ge=1)]
    max_pixels: Annotated[int, Field(ge=1)]
    max_unreadable: Share

    @property
    def on(self) -> bool:
        """Whether images are embedded."""
        return self.model is not None


class CodebookConfig(Section):
    """The codebook that is trained when there is none, and by a retrain."""

    kind: Literal["rqvae", "rkmeans", "prq", "pq", "opq", "vq"]
    sizes: Annotated[tuple[CodebookSize, ...], Field(min_length=1, max_length=16)]
    seed: Annotated[int, Field(ge=0)]
    sample_rows: Annotated[int, Field(ge=2)]
    driver_rows: Annotated[int, Field(ge=2)]
    capacity: Annotated[int, Field(ge=1)] | None
    params: Annotated[Mapping[str, Any], AfterValidator(_finite)]
    pairs: Location | None

    @property
    def collected_rows(self) -> int:
        """Most contents of the sample that the driver holds."""
        return min(self.sample_rows, self.driver_rows)

    @model_validator(mode="after")
    def _room_below_the_prefix(self) -> Self:
        if self.capacity is not None and len(self.sizes) < 2:
            raise ValueError("a capacity needs two levels or more: what finds its ID full takes another last code")
        return self


class RetrainConfig(Section):
    """How a new codebook follows the active one."""

    tolerance: Annotated[float, Field(ge=0.0, le=10.0)]
    served: Annotated[int, Field(ge=2, le=16)]


class LabelsConfig(Section):
    """How codes are named."""

    min_items: Annotated[int, Field(ge=2)]
    terms: Annotated[int, Field(ge=1, le=100)]
    exemplars: Annotated[int, Field(ge=1, le=100)]
    stop_words: StopWords | None
    measures: tuple[str, ...]
    labeller: Annotated[str, Field(pattern=r"^\w+(\.\w+)*:\w+$")] | None


class GateConfig(Section):
    """Where the gate's thresholds are."""

    thresholds: Location | None


class ObserveConfig(Section):
    """What is written for those who watch; a relative folder lies in the warehouse."""

    log_format: Literal["text", "json"]
    metrics: Beside | None
    data_docs: Beside | None


class SparkConfig(Section):
    """The Spark properties of a session that semid starts itself."""

    properties: Location | None


class SemidConfig(Section):
    """The whole configuration of a run."""

    warehouse: Location
    catalog: CatalogConfig
    text: TextConfig
    embedding: EmbeddingConfig
    images: ImagesConfig
    codebook: CodebookConfig
    retrain: RetrainConfig
    labels: LabelsConfig
    gate: GateConfig
    observe: ObserveConfig
    spark: SparkConfig


def load_config(file: str | None = None, overrides: Iterable[str] = ()) -> SemidConfig:
    """Return the defaults, overridden by a YAML file, overridden by `key.path=value` settings.

    Raises:
        ConfigError: Lists every unknown key, wrong type and value out of range, each with its source.
    """
    return load_section(SemidConfig, "default.yaml", file, overrides)


def load_section(model: type[M], name: str, file: str | None = None, overrides: Iterable[str] = ()) -> M:
    """Return the packaged settings file `name` as `model`, overridden as in `load_config`."""
    settings = copy.deepcopy(_packaged_settings(name))
    sources: dict[str, str] = {}
    if file is not None:
        _merge(settings, read_yaml(file), file, sources)
    for override in overrides:
        _merge(settings, _setting(override), f"--set {override}", sources)
    return _validated(model, settings, sources, name)


@cache
def _packaged_settings(name: str) -> dict[str, Any]:
    return parse_yaml(resources.files("semid.conf").joinpath(name).read_text(), name)


def packaged(name: str) -> Path:
    """Return the path of a file of the packaged configuration folder; there is none inside a zip."""
    return Path(str(resources.files("semid.conf").joinpath(name)))


def _setting(override: str) -> dict[str, Any]:
    key, equals, value = override.partition("=")
    if not equals or not _KEY.fullmatch(key):
        raise ConfigError("a setting is written key.path=value", where=f"--set {override}")
    # A bare `nan` or `no` stays what YAML makes of it; the typed model decides whether the key takes it.
    found = parse_yaml(f"value: {value}", f"--set {override}")
    if len(found) != 1:
        raise ConfigError("a setting is one value", where=f"--set {override}")
    nested: Any = found["value"]
    for part in reversed(key.split(".")):
        nested = {part: nested}
    return dict(nested)


def _merge(base: dict[str, Any], extra: Mapping[str, Any], source: str, sources: dict[str, str], at: str = "") -> None:
    for key, value in extra.items():
        path = f"{at}{key}"
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value, source, sources, f"{path}.")
        else:
            base[key] = value
            sources[path] = source


def _validated(model: type[M], settings: Mapping[str, Any], sources: Mapping[str, str], name: str) -> M:
    # JSON mode: lists become tuples while every scalar stays strict (the text "3" is no integer).
    try:
        return model.model_validate_json(json.dumps(settings, default=str))
    except ValidationError as error:
        found = error.errors()
        # A wrong element also makes its list too short, which is no second mistake of the user's.
        inner = {item["loc"][:-1] for item in found}
        problems = [_problem(model, item, sources) for item in found if item["loc"] not in inner]
        raise ConfigError(
            f"{len(problems)} setting(s) are wrong",
            where=", ".join(sorted(set(sources.values()))) or name,
            problems=problems,
            next_step=f"see conf/{name} for every key, its type and its range",
        ) from error


def _problem(model: type[BaseModel], item: Any, sources: Mapping[str, str]) -> str:
    location = [str(part) for part in item["loc"]]
    key = ".".join(location)
    above = [".".join(location[:n]) for n in range(len(location), 0, -1)]
    below = (path for path in sources if path.startswith(f"{key}."))
    source = next((sources[path] for path in chain(above, below) if path in sources), "")
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(location[-1], _fields_at(model, location[:-1]), n=1)
        hint = f", did you mean {near[0]!r}?" if near else ""
        return f"{key}: unknown key{hint} ({source})"
    return f"{key}: {item['msg']}, got {item['input']!r} ({source})"


def _fields_at(model: type[BaseModel], location: Iterable[str]) -> list[str]:
    for part in location:
        annotation = model.model_fields[part].annotation
        if isinstance(annotation, types.UnionType):
            annotation = next(a for a in typing.get_args(annotation) if a is not type(None))
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)
