"""Rollback and promotion on small tables: new releases, no restored table, nothing lost."""

from __future__ import annotations

import pytest

from semid.errors import ConfigError, RunConflict, StoredDataError
from semid.tables import commit as committing
from semid.tables import releases
from semid.tables.commit import finish_interrupted
from semid.tables.publish import Publication, publish
from semid.tables.store import Store
from semid.tables.switch import promote, roll_back
from tests.spark.test_publish import NIGHT1, NIGHT2, NIGHT3, catalog_row, changes, first_night, night, staged_row


def open_ids(store: Store, version: int = 1) -> dict[str, str]:
    rows = store.read("semantic_id").where(f"codebook_version = {version} AND valid_to IS NULL").collect()
    assert len(rows) == len({row.item_id for row in rows})
    return {row.item_id: row.semantic_id for row in rows}


def second_night(store: Store) -> None:
    staged = [staged_row("n2", "a", [1, 5], "A2", NIGHT2), staged_row("n2", "d", [7, 7], "D", NIGHT2)]
    night(store, "n2", NIGHT2, {"a": "A2", "b": "B", "d": "D"}, staged)


def shadow(store: Store, run: str = "r") -> releases.Release:
    """Give the three items of the first night an ID under version 2, and serve it beside version 1."""
    rows = [("a", [1, 2], "A", 0), ("b", [1, 2], "B", 1), ("c", [9, 9], "C", 0)]
    staged = [staged_row(run, i, codes, content, NIGHT2, k) | {"codebook_version": 2} for i, codes, content, k in rows]
    store.append_rows(staged, "semantic_id_staged")
    return publish(store, Publication(run, NIGHT2, "retrain", 1, (1, 2), "pass", 0))


def test_rollback_publishes_the_old_state_and_the_night_after_goes_on(store: Store) -> None:
    """Back to release 1, then the same second night again: the same IDs as the first time."""
    first_night(store)
    state1 = open_ids(store)
    second_night(store)
    state2 = open_ids(store)
    release = roll_back(store, 1, "back", NIGHT3)
    assert open_ids(store) == state1
    assert (release.release_id, release.kind, release.counts["items"]) == (3, "rollback", 3)
    assert changes(store, 3) == [
        ("a", "1-5", "1-2", 1, "content"),
        ("c", None, "3-4", 0, "added"),
        ("d", "7-7", None, 0, "removed"),
    ]
    staged = [staged_row("n3", "a", [1, 5], "A2", NIGHT3), staged_row("n3", "d", [7, 7], "D", NIGHT3)]
    night(store, "n3", NIGHT3, {"a": "A2", "b": "B", "d": "D"}, staged)
    assert open_ids(store) == state2
    broken = store.read("semantic_id").where("valid_to <= valid_from").count()
    assert broken == 0


def test_a_run_that_was_rolled_back_may_publish_again(store: Store) -> None:
    """Its release stands in history, but a rollback took it back: the same run id publishes once more."""
    first_night(store)
    second_night(store)
    roll_back(store, 1, "back", NIGHT2)
    again = publish(store, Publication("n2", NIGHT2, "nightly", 1, (1,), "pass", 0))
    assert (again.release_id, open_ids(store)) == (4, {"a": "1-5", "b": "1-2#1", "d": "7-7"})


def test_rollback_refuses_what_is_not_there(store: Store) -> None:
    """An unknown release and an older date are refused, and nothing is written."""
    first_night(store)
    with pytest.raises(ConfigError, match="no published release 7"):
        roll_back(store, 7, "back", NIGHT2)
    with pytest.raises(ConfigError, match="lies before"):
        roll_back(store, 1, "back", NIGHT1.replace(year=2025))
    assert releases.load(store).next_id == 2


def test_rollback_to_a_state_that_was_vacuumed_is_refused(store: Store) -> None:
    """The release is known, its version of the table is not: stored data, with what to do."""
    first_night(store)
    second_night(store)
    gone = store.read("release").where("release_id = 1").collect()[0].asDict()
    versions = {**gone["table_versions"], "semantic_id": 99}
    store.append_rows([{**gone, "release_id": 3, "table_versions": versions}], "release")
    with pytest.raises(StoredDataError, match="no longer stored"):
        roll_back(store, 3, "back", NIGHT3)


def test_shadow_then_promotion_moves_readers_and_back(store: Store) -> None:
    """The shadow changes nothing for readers; the promotion maps every item; a rollback returns to version 1."""
    first_night(store)
    served = shadow(store)
    assert (served.codebook_version, served.serving_versions, served.counts["unchanged"]) == (1, (1, 2), 3)
    assert [change[4] for change in changes(store, 2)] == ["added"] * 3
    moved = promote(store, 2, "p", NIGHT2)
    assert (moved.codebook_version, moved.serving_versions) == (2, (1, 2))
    assert changes(store, 3) == [
        ("a", "1-2", "1-2", 2, "kept"),
        ("b", "1-2#1", "1-2#1", 2, "kept"),
        ("c", "3-4", "9-9", 0, "codebook"),
    ]
    assert (moved.counts["changed"], moved.counts["unchanged"]) == (1, 2)
    back = roll_back(store, 1, "back", NIGHT3)
    assert (back.codebook_version, back.serving_versions) == (1, (1,))
    assert [change[1:3] for change in changes(store, 4)] == [("1-2", "1-2"), ("1-2#1", "1-2#1"), ("9-9", "3-4")]


def test_promotion_refuses_a_version_that_is_not_served_or_not_complete(store: Store) -> None:
    """Neither an unknown version, nor the active one, nor one that lacks an item, becomes active."""
    first_night(store)
    shadow(store)
    for version in (1, 3):
        with pytest.raises(ConfigError, match=f"version {version} is not served beside"):
            promote(store, version, "p", NIGHT2)
    store.append_rows([catalog_row("late", "L")], "item_catalog")
    with pytest.raises(RunConflict, match="1 active item"):
        promote(store, 2, "p", NIGHT2)
    assert releases.load(store).current.codebook_version == 1


def test_a_promotion_killed_before_its_release_row_is_finished(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change rows carry the release; the next run writes the missing row, once."""
    first_night(store)
    shadow(store)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(committing, "_announce", die)
        with pytest.raises(KeyboardInterrupt):
            promote(store, 2, "p", NIGHT2)
    assert releases.load(store).current.codebook_version == 1
    assert finish_interrupted(store)
    assert not finish_interrupted(store)
    finished = releases.load(store).current
    assert (finished.release_id, finished.run_id, finished.codebook_version) == (3, "p", 2)
    assert len(changes(store, 3)) == 3
