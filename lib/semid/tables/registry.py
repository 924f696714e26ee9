"""The codebook table: trained codebooks by version, checked before they are trusted."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import functions as F

from semid.config import CodebookConfig, SemidConfig
from semid.errors import RESTORE, StoredDataError
from semid.ids import fingerprint
from semid.quantize.base import Codebook
from semid.quantize.codebook import sha256
from semid.tables.artifact import opened
from semid.tables.store import Store, to_json

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Card:
    """What the registry says of a codebook, without its arrays; the fields are columns."""

    codebook_version: int
    kind: str
    codebook_sizes: tuple[int, ...]
    model: str
    parent_version: int | None
    params: str
    metrics: str
    seed: int
    trained_on: str
    run_id: str

    def is_as(self, model: str, config: CodebookConfig) -> bool:
        """Return whether it was trained on this model's vectors with these settings, pairs or none."""
        capacity = self.json_of("trained_on").get("capacity")
        own = (self.model, self.kind, self.codebook_sizes, self.seed, capacity, self.params)
        asked = (config.kind, config.sizes, config.seed, config.capacity, to_json(dict(config.params)))
        return own == (model, *asked) and ("pairs" in self.json_of("metrics")) == (config.pairs is not None)

    def json_of(self, column: str) -> dict[str, Any]:
        """Return `metrics` or `trained_on` as a mapping.

        Raises:
            StoredDataError: The text is no JSON object.
        """
        where = f"table codebook, version {self.codebook_version}"
        try:
            value = json.loads(getattr(self, column))
        except ValueError as error:
            raise StoredDataError(f"{column} is no JSON: {error}", where=where) from error
        if not isinstance(value, dict):
            raise StoredDataError(f"{column} is no JSON object", where=where)
        return value


@dataclass(frozen=True)
class StoredCodebook:
    """A codebook of the registry whose bytes were checked.

    Attributes:
        version: Its version.
        model: Fingerprint of its embedding model.
        artifact: Its bytes.
        codebook: What they hold.
        tolerance: How much worse than the best ones the codes may be that its first assignment kept.
        capacity: Most distinct contents that get the same codes; None for no limit.
    """

    version: int
    model: str
    artifact: bytes
    codebook: Codebook
    tolerance: float
    capacity: int | None


@dataclass(frozen=True)
class Source:
    """What a codebook was trained on.

    Attributes:
        model: Fingerprint of the embedding model.
        config: Its `embedding` and `images` are kept, so that the model can be run again while the version is served;
            and its `codebook.capacity`, which every assignment under the version obeys.
        rows: Number of contents.
        run_id: The run that trained it.
        tolerance: How much worse than the best ones old codes may be that its first assignment keeps.
    """

    model: str
    config: SemidConfig
    rows: int
    run_id: str
    tolerance: float = 0.0


def cards(store: Store) -> list[Card]:
    """Return the card of every codebook, oldest first.

    Raises:
        StoredDataError: Two have the same version.
    """
    names = list(Card.__dataclass_fields__)
    rows = sorted(store.rows("codebook", *names), key=lambda row: row.codebook_version)
    found = [Card(**{**row.asDict(), "codebook_sizes": tuple(row.codebook_sizes)}) for row in rows]
    versions = [card.codebook_version for card in found]
    if twice := sorted({version for version in versions if versions.count(version) > 1}):
        raise StoredDataError(f"versions that are there twice: {twice}", where="table codebook", next_step=RESTORE)
    return found


def load(store: Store, version: int) -> StoredCodebook:
    """Return codebook `version`.

    Raises:
        StoredDataError: It is missing, its bytes are not those that were written, or they make no codebook.
    """
    where = f"table codebook, version {version}"
    rows = store.read("codebook").where(F.col("codebook_version") == version).collect()
    if len(rows) != 1:
        raise StoredDataError(f"expected one row, found {len(rows)}", where=where, next_step=RESTORE)
    artifact = bytes(rows[0].artifact)
    codebook = opened(artifact, rows[0].artifact_sha256, version)
    source = json.loads(rows[0].trained_on)
    tolerance = float(source.get("tolerance", 0.0))
    return StoredCodebook(version, rows[0].model, artifact, codebook, tolerance, source.get("capacity"))


def add(store: Store, row: Mapping[str, Any], artifact: bytes, source: Source) -> int:
    """Append a trained codebook and return its version.

    Args:
        store: The warehouse.
        row: kind, levels, codebook_sizes, parent_version, params, metrics, seed.
        artifact: The codebook's safetensors bytes.
        source: What it was trained on.
    """
    version = max((int(row[0]) for row in store.rows("codebook", "codebook_version")), default=0) + 1
    digest = sha256(artifact)
    identity = {
        "kind": row["kind"],
        "sizes": list(row["codebook_sizes"]),
        "model": source.model,
        "artifact": digest,
    }
    trained_on = {
        "rows": source.rows,
        "item_embedding": store.version("item_embedding"),
        "embedding": source.config.embedding.model_dump(mode="json"),
        "tolerance": source.tolerance,
        "capacity": source.config.codebook.capacity,
    }
    if source.config.images.on:
        trained_on["images"] = source.config.images.model_dump(mode="json", include={"model", "revision", "weight"})
    written = {
        **row,
        "codebook_version": version,
        "model": source.model,
        "artifact": bytearray(artifact),
        "artifact_sha256": digest,
        "fingerprint": fingerprint(identity),
        "trained_on": to_json(trained_on),
        "run_id": source.run_id,
        "created_at": datetime.now(UTC),
    }
    store.append_rows([written], "codebook")
    return version
