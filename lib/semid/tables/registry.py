"""The codebook table: trained codebooks by version, checked before they are trusted."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import functions as F

from semid.config import CodebookConfig
from semid.errors import StoredDataError
from semid.ids import fingerprint
from semid.quantize.base import Codebook
from semid.quantize.codebook import from_bytes, sha256
from semid.tables import releases
from semid.tables.store import Store, to_json

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredCodebook:
    """A codebook of the registry whose bytes were checked."""

    version: int
    model: str
    artifact: bytes
    codebook: Codebook


def usable(store: Store, model: str, config: CodebookConfig) -> int | None:
    """Return the version to assign with: the active one, else the newest that was trained as configured.

    The second case is a first night that stopped between training and publishing.
    """
    active = releases.current(store)
    if active is not None:
        return active.codebook_version
    same = (
        (F.col("model") == model)
        & (F.col("kind") == config.kind)
        & (F.col("codebook_sizes") == F.array(*map(F.lit, config.sizes)))
        & (F.col("seed") == config.seed)
        & (F.col("params") == to_json(dict(config.params)))
    )
    (row,) = store.read("codebook").where(same).agg(F.max("codebook_version")).collect()
    return None if row[0] is None else int(row[0])


def load(store: Store, version: int) -> StoredCodebook:
    """Return codebook `version`.

    Raises:
        StoredDataError: It is missing, its bytes are not those that were written, or they make no codebook.
    """
    where = f"table codebook, version {version}"
    rows = store.read("codebook").where(F.col("codebook_version") == version).collect()
    if len(rows) != 1:
        raise StoredDataError(f"expected one row, found {len(rows)}", where=where, next_step="restore the table")
    artifact = bytes(rows[0].artifact)
    found = sha256(artifact)
    if found != rows[0].artifact_sha256:
        raise StoredDataError(
            "the codebook's bytes are not those that were written",
            where=where,
            problems=[f"sha256 {found}, recorded {rows[0].artifact_sha256}"],
            next_step="restore the codebook table from a backup; nothing was assigned",
        )
    try:
        codebook = from_bytes(artifact)
    except ValueError as error:
        raise StoredDataError(f"the artifact is no usable codebook: {error}", where=where) from error
    return StoredCodebook(version, rows[0].model, artifact, codebook)


def assigning(store: Store, model: str, config: CodebookConfig) -> StoredCodebook:
    """Return the codebook that tonight's arrivals are assigned with.

    Raises:
        StoredDataError: There is none, it fails its check, or `model` is not the one it was trained on.
    """
    version = usable(store, model, config)
    if version is None:
        raise StoredDataError("there is no codebook yet", where="table codebook", next_step="semid train-codebook")
    stored = load(store, version)
    if stored.model != model:
        raise _foreign_model(stored, model)
    active, configured = (stored.codebook.kind, stored.codebook.sizes), (config.kind, config.sizes)
    if active != configured:
        log.warning("codebook %d is %s %s; codebook.* asks for %s %s and is not applied", version, *active, *configured)
    return stored


def _foreign_model(stored: StoredCodebook, model: str) -> StoredDataError:
    return StoredDataError(
        "the embedding model is not the codebook's",
        where=f"embedding.model and codebook version {stored.version}",
        problems=[f"embeddings: {model}", f"codebook:   {stored.model}"],
        next_step="set embedding.* and text.* back, or start a new codebook in a new warehouse",
    )


def add(store: Store, row: dict[str, Any], artifact: bytes) -> int:
    """Append a trained codebook and return its version.

    Args:
        store: The warehouse.
        row: kind, levels, codebook_sizes, model, parent_version, params, metrics, seed, trained_on, run_id.
        artifact: The codebook's safetensors bytes.
    """
    (newest,) = store.read("codebook").agg(F.max("codebook_version")).collect()
    version = int(newest[0] or 0) + 1
    digest = sha256(artifact)
    identity = {
        "kind": row["kind"],
        "sizes": list(row["codebook_sizes"]),
        "model": row["model"],
        "artifact": digest,
    }
    written = {
        **row,
        "codebook_version": version,
        "artifact": bytearray(artifact),
        "artifact_sha256": digest,
        "fingerprint": fingerprint(identity),
        "created_at": datetime.now(UTC),
    }
    store.append_rows([written], "codebook")
    return version
