"""A night after which no table has moved, and everything that moves one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from semid.tables import publish as publishing
from semid.tables import releases
from semid.tables.publish import Publication, publish
from semid.tables.store import Store
from semid.tables.switch import roll_back
from semid.tables.unmoved import since_release, vectors_as
from tests.small_nights import NIGHT2, NIGHT3, catalog_row, open_ids, staged_row

VECTOR = {"content_hash": "A", "model": "m", "dim": 1, "embedding": [1.0], "run_id": "r"}


def publish_again(store: Store) -> releases.Release:
    return publish(store, Publication("n3", NIGHT3, "nightly", 1, (1,), "pass", 0))


def test_an_unmoved_night_is_released_without_a_plan(twice: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The IDs, their number and their table's version stay; no item was compared."""
    before, version = open_ids(twice), twice.version("semantic_id")
    assert since_release(twice)
    monkeypatch.setattr(publishing, "planned", lambda *_: pytest.fail("items were compared"))
    found = publish_again(twice)
    assert (found.release_id, found.kind, found.counts) == (
        3,
        "nightly",
        {"added": 0, "changed": 0, "removed": 0, "unchanged": 3, "items": 3, "quarantined": 0},
    )
    assert (open_ids(twice), twice.version("semantic_id")) == (before, version)
    assert since_release(twice)


def edit(store: Store) -> None:
    rows = [catalog_row("a", "A3"), catalog_row("b", "B"), catalog_row("d", "D"), catalog_row("c", "C", active=False)]
    store.replace_where(store.frame(rows, "item_catalog"), "item_catalog", "true")


def embed(store: Store) -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    store.append_rows([{**VECTOR, "embedded_at": moment}], "item_embedding")


def go_back(store: Store) -> None:
    roll_back(store, 1, "back", NIGHT2)


def lose_an_id(store: Store) -> None:
    store.delta("semantic_id").delete("item_id = 'b'")


MOVES: dict[str, Callable[[Store], None]] = {
    "catalog": edit,
    "vectors": embed,
    "rollback": go_back,
    "ids": lose_an_id,
}


@pytest.mark.parametrize("move", MOVES)
def test_whatever_moves_a_table_is_looked_at(twice: Store, move: str) -> None:
    """An edit, a vector, a rollback that leaves the IDs behind the catalog, and a row that somebody deleted."""
    MOVES[move](twice)
    assert not since_release(twice)


def test_staged_rows_are_published_although_no_table_has_moved(twice: Store) -> None:
    """A new ID for an item of old: the run's rows decide."""
    twice.append_rows([staged_row("n3", "b", [5, 5], "B", NIGHT3)], "semantic_id_staged")
    assert publish_again(twice).counts["changed"] == 1
    assert open_ids(twice)["b"] == "5-5"


def test_before_the_first_release_nothing_is_known(store: Store) -> None:
    """An empty warehouse has not stood still since a release."""
    assert not since_release(store)


def test_vectors_are_known_by_catalog_models_and_vectors(twice: Store) -> None:
    """The order of the models does not matter, another one does, and so do a vector and an edit."""
    known = vectors_as(twice, ["m", "n"])
    assert vectors_as(twice, ["n", "m"]) == known != vectors_as(twice, ["m"])
    embed(twice)
    embedded = vectors_as(twice, ["m", "n"])
    edit(twice)
    assert len({known, embedded, vectors_as(twice, ["m", "n"])}) == 3
