"""Whether queries can be embedded as the items of a release were."""

from __future__ import annotations

import pytest

from semid.config import load_config
from semid.frames.search_training import IMAGES, OTHER_MODEL, SUPPLIED, query_model
from semid.tables.registry import Card
from semid.tables.store import to_json
from semid.text.model import fingerprint_of, spec_of

CONFIG = load_config()
EMBEDDING = CONFIG.embedding.model_dump(mode="json")


def card(trained_on: dict[str, object], model: str | None = None) -> Card:
    named = model or fingerprint_of(CONFIG)
    return Card(1, "rkmeans", (4, 4), named, None, "{}", "{}", 20, to_json(trained_on), "r")


def test_the_releases_own_model_embeds_queries_whatever_is_set_now() -> None:
    now = load_config(overrides=["embedding.model=supplied:shop"])
    assert query_model(card({"embedding": EMBEDDING}), now) == spec_of(CONFIG.embedding)


@pytest.mark.parametrize(
    ("trained_on", "model", "why"),
    [
        ({"embedding": EMBEDDING | {"model": "supplied:shop"}}, None, SUPPLIED),
        ({"embedding": EMBEDDING, "images": {"model": "package:nothing", "weight": 0.5}}, None, IMAGES),
        ({"embedding": EMBEDDING}, "other#1", OTHER_MODEL),
    ],
)
def test_vectors_that_are_not_a_texts_are_not_compared(
    trained_on: dict[str, object], model: str | None, why: str
) -> None:
    assert query_model(card(trained_on, model), CONFIG) == why
