"""Which codebook versions a run works with, and what publishing makes of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from semid.config import CodebookConfig, EmbeddingConfig, SemidConfig
from semid.errors import ConfigError, StoredDataError
from semid.tables import releases
from semid.tables.registry import Card, cards
from semid.tables.store import Store
from semid.text.model import fingerprint_of

log = logging.getLogger(__name__)


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


def serving_of(store: Store, run_id: str, model: str, config: CodebookConfig) -> Serving:
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


def models_of(found: Serving, config: SemidConfig) -> dict[str, SemidConfig]:
    """Return, by fingerprint, the embedding models whose vectors tonight's arrivals need, each as the configuration.

    These are the configured one, and those of the served versions that were trained on another.

    Raises:
        StoredDataError: A served version's model cannot be had again with the present text.* settings.
    """
    models = {fingerprint_of(config): config}
    for version in found.served:
        card = found.cards[version]
        if card.model in models:
            continue
        stored = as_trained(card, config)
        now = fingerprint_of(stored)
        if now != card.model:
            raise StoredDataError(
                "a served codebook's embedding model cannot be had again",
                where=f"codebook version {version}, trained_on",
                problems=[f"its model: {card.model}", f"today, with its settings and the present text.*: {now}"],
                next_step="set text.* back and keep the model's files",
            )
        models[card.model] = stored
    return models


def as_trained(card: Card, config: SemidConfig) -> SemidConfig:
    """Return `config` with the models of text and images that a codebook was trained on the vectors of."""
    # Where the images are, and how many may be unreadable, is today's matter; which model sees them is the codebook's.
    trained_on = card.json_of("trained_on")
    embedding = EmbeddingConfig.model_validate_json(json.dumps(trained_on.get("embedding")))
    images = config.images.model_copy(update=trained_on.get("images", {"model": None}))
    return config.model_copy(update={"embedding": embedding, "images": images})


def active_card(store: Store) -> Card:
    """Return the card of the codebook that readers see.

    Raises:
        ConfigError: Nothing is published yet.
        StoredDataError: The table lacks it.
    """
    current = releases.load(store).current
    if current is None:
        raise ConfigError("nothing is published yet", where=store.warehouse, next_step="semid nightly --catalog PATH")
    known = {card.codebook_version: card for card in cards(store)}
    if current.codebook_version not in known:
        what = f"release {current.release_id} reads codebook {current.codebook_version}, which is not there"
        raise StoredDataError(what, where="codebook", next_step="semid verify")
    return known[current.codebook_version]
