"""The codebook table: trained codebooks by version, checked before they are trusted."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import functions as F

from semid.config import CodebookConfig, EmbeddingConfig, SemidConfig
from semid.errors import StoredDataError
from semid.ids import fingerprint
from semid.quantize.base import Codebook
from semid.quantize.codebook import from_bytes, sha256
from semid.tables import releases
from semid.tables.store import Store, to_json
from semid.text.model import fingerprint_of

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
        """Return whether it was trained on this model's vectors with these settings."""
        own = (self.model, self.kind, self.codebook_sizes, self.seed, self.params)
        return own == (model, config.kind, config.sizes, config.seed, to_json(dict(config.params)))

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
    """

    version: int
    model: str
    artifact: bytes
    codebook: Codebook
    tolerance: float


@dataclass(frozen=True)
class Source:
    """What a codebook was trained on.

    Attributes:
        model: Fingerprint of the embedding model.
        embedding: Its settings, so that the model can be run again while the version is served.
        rows: Number of contents.
        run_id: The run that trained it.
        tolerance: How much worse than the best ones old codes may be that its first assignment keeps.
    """

    model: str
    embedding: EmbeddingConfig
    rows: int
    run_id: str
    tolerance: float = 0.0


@dataclass(frozen=True)
class Serving:
    """The codebook versions that a run works with.

    Attributes:
        active: The one that readers see; None before the first release.
        served: Those whose IDs are kept current, the active one among them.
        candidate: The one that this run has trained and not yet published; None on most nights.
        cards: Of each version that is served or a candidate.
    """

    active: int | None
    served: tuple[int, ...]
    candidate: int | None
    cards: Mapping[int, Card]

    @property
    def versions(self) -> tuple[int, ...]:
        """Every version that arrivals get an ID under."""
        return self.served if self.candidate is None else (*self.served, self.candidate)


@dataclass(frozen=True)
class Plan:
    """What a release makes of the versions: its kind, the version that readers see, those that are kept current."""

    kind: str
    active: int
    serving: tuple[int, ...]


def after_publishing(found: Serving, limit: int, shadow: bool) -> Plan:
    """Return what publishing makes of the versions of a run.

    A candidate becomes the active one; the one that was active stays served beside it, so that consumers can move
    in their own time. The oldest of the others are retired.

    Args:
        found: The run's versions.
        limit: Most versions to serve, at least 2.
        shadow: Serve the candidate beside the active version, which stays.

    Raises:
        StoredDataError: There is no codebook at all.
    """
    if found.candidate is None and found.active is None:
        raise StoredDataError("there is no codebook yet", where="table codebook", next_step="semid train-codebook")
    if found.candidate is None:
        assert found.active is not None
        return Plan("nightly", found.active, found.served)
    if found.active is None:
        return Plan("bootstrap", found.candidate, (found.candidate,))
    others = sorted(set(found.served) - {found.active})
    kept = others[max(0, len(others) - (limit - 2)) :]
    active = found.active if shadow else found.candidate
    return Plan("retrain", active, tuple(sorted({*kept, found.active, found.candidate})))


def cards(store: Store) -> list[Card]:
    """Return the card of every codebook, oldest first.

    Raises:
        StoredDataError: Two have the same version.
    """
    names = list(Card.__dataclass_fields__)
    rows = store.read("codebook").select(*names).orderBy("codebook_version").collect()
    found = [Card(**{**row.asDict(), "codebook_sizes": tuple(row.codebook_sizes)}) for row in rows]
    versions = [card.codebook_version for card in found]
    if twice := sorted({version for version in versions if versions.count(version) > 1}):
        raise StoredDataError(f"versions that are there twice: {twice}", where="table codebook", next_step="restore it")
    return found


def serving(store: Store, run_id: str, model: str, config: CodebookConfig) -> Serving:
    """Return the versions that run `run_id` works with.

    Before the first release the candidate is the newest codebook trained as configured: a first night that was
    killed after training does not train again.
    """
    current = releases.load(store).current
    known = cards(store)
    served = () if current is None else current.serving_versions
    own = [card for card in known if card.run_id == run_id or (current is None and card.is_as(model, config))]
    new = [card.codebook_version for card in own if card.codebook_version not in served]
    candidate = new[-1] if new else None
    wanted = {*served, candidate}
    chosen = {card.codebook_version: card for card in known if card.codebook_version in wanted}
    active = None if current is None else current.codebook_version
    if missing := set(served) - set(chosen):
        raise StoredDataError(f"no codebook of versions {sorted(missing)}", where="table codebook")
    return Serving(active, served, candidate, chosen)


def require_model(found: Serving, model: str, config: CodebookConfig) -> None:
    """Refuse to assign when the configured embedding model is not the active codebook's; warn of other settings.

    A run that has trained a codebook on its own model may stand beside an active one of another model.

    Raises:
        StoredDataError: Names both models.
    """
    if found.active is None or found.candidate is not None:
        return
    card = found.cards[found.active]
    if card.model != model:
        raise StoredDataError(
            "the embedding model is not the codebook's",
            where=f"embedding.model and codebook version {found.active}",
            problems=[f"embeddings: {model}", f"codebook:   {card.model}"],
            next_step="set embedding.* and text.* back, or move to the new model with semid retrain --shadow",
        )
    active, configured = (card.kind, card.codebook_sizes), (config.kind, config.sizes)
    if active != configured:
        log.warning(
            "codebook %d is %s %s; codebook.* asks for %s %s and is not applied: semid retrain would",
            *(found.active, *active, *configured),
        )


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
    tolerance = float(json.loads(rows[0].trained_on).get("tolerance", 0.0))
    return StoredCodebook(version, rows[0].model, artifact, codebook, tolerance)


def add(store: Store, row: Mapping[str, Any], artifact: bytes, source: Source) -> int:
    """Append a trained codebook and return its version.

    Args:
        store: The warehouse.
        row: kind, levels, codebook_sizes, parent_version, params, metrics, seed.
        artifact: The codebook's safetensors bytes.
        source: What it was trained on.
    """
    (newest,) = store.read("codebook").agg(F.max("codebook_version")).collect()
    version = int(newest[0] or 0) + 1
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
        "embedding": source.embedding.model_dump(mode="json"),
        "tolerance": source.tolerance,
    }
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


def models_of(found: Serving, config: SemidConfig) -> dict[str, EmbeddingConfig]:
    """Return, by fingerprint, the embedding models whose vectors tonight's arrivals need.

    These are the configured one, and those of the served versions that were trained on another.

    Raises:
        StoredDataError: A served version's model cannot be had again with the present text.* settings.
    """
    models = {fingerprint_of(config): config.embedding}
    for version in found.served:
        card = found.cards[version]
        if card.model in models:
            continue
        stored = EmbeddingConfig.model_validate_json(json.dumps(card.json_of("trained_on").get("embedding")))
        now = fingerprint_of(config.model_copy(update={"embedding": stored}))
        if now != card.model:
            raise StoredDataError(
                "a served codebook's embedding model cannot be had again",
                where=f"codebook version {version}, trained_on",
                problems=[f"its model: {card.model}", f"today, with its settings and the present text.*: {now}"],
                next_step="set text.* back and keep the model's files",
            )
        models[card.model] = stored
    return models
