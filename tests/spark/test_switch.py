"""Rollback and promotion on small tables: new releases, no restored table, nothing lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from semid.errors import ConfigError, RunConflict, StoredDataError
from semid.tables import commit as committing
from semid.tables import releases
from semid.tables.commit import finish_interrupted
from semid.tables.publish import Publication, publish
from semid.tables.query import Reader, open_reader
from semid.tables.store import Store
from semid.tables.switch import promote, roll_back
from tests.small_nights import NIGHT1, NIGHT2, NIGHT3, catalog_row, changes, night, open_ids, second_night, staged_row


def test_rollback_publishes_the_old_state_and_the_night_after_goes_on(published: Store) -> None:
    """Back to release 1, then the same second night again: the same IDs as the first time."""
    state1 = open_ids(published)
    second_night(published)
    state2 = open_ids(published)
    release = roll_back(published, 1, "back", NIGHT3)
    assert open_ids(published) == state1
    assert (release.release_id, release.kind, release.counts["items"]) == (3, "rollback", 3)
    assert changes(published, 3) == [
        ("a", "1-5", "1-2", 1, "content"),
        ("c", None, "3-4", 0, "added"),
        ("d", "7-7", None, 0, "removed"),
    ]
    staged = [staged_row("n3", "a", [1, 5], "A2", NIGHT3), staged_row("n3", "d", [7, 7], "D", NIGHT3)]
    night(published, "n3", NIGHT3, {"a": "A2", "b": "B", "d": "D"}, staged)
    assert open_ids(published) == state2
    broken = published.read("semantic_id").where("valid_to <= valid_from").count()
    assert broken == 0


def test_a_run_that_was_rolled_back_may_publish_again(twice: Store) -> None:
    """Its release stands in history, but a rollback took it back: the same run id publishes once more."""
    roll_back(twice, 1, "back", NIGHT2)
    again = publish(twice, Publication("n2", NIGHT2, "nightly", 1, (1,), "pass", 0))
    assert (again.release_id, open_ids(twice)) == (4, {"a": "1-5", "b": "1-2#1", "d": "7-7"})


def test_rollback_refuses_what_is_not_there(twice: Store) -> None:
    """An unknown release and an older date are refused, and nothing is written."""
    with pytest.raises(ConfigError, match="no published release 7"):
        roll_back(twice, 7, "back", NIGHT2)
    with pytest.raises(ConfigError, match="lies before"):
        roll_back(twice, 1, "back", NIGHT1.replace(year=2025))
    assert releases.load(twice).next_id == 3


def test_rollback_to_a_state_that_was_vacuumed_is_refused(twice: Store) -> None:
    """The release is known, its version of the table is not: stored data, with what to do."""
    first, second = (row.asDict() for row in twice.read("release").orderBy("release_id").collect())
    versions = {**first["table_versions"], "semantic_id": 99}
    gone = {**first, "release_id": 3, "table_versions": versions}
    twice.append_rows([gone, {**second, "release_id": 4}], "release")
    with pytest.raises(StoredDataError, match="no longer stored"):
        roll_back(twice, 3, "back", NIGHT3)


def test_shadow_then_promotion_moves_readers_and_back(shadowed: Store) -> None:
    """The shadow changes nothing for readers; the promotion maps every item; a rollback returns to version 1."""
    served = releases.load(shadowed).current
    assert (served.codebook_version, served.serving_versions, served.counts["unchanged"]) == (1, (1, 2), 3)
    assert [change[4] for change in changes(shadowed, 2)] == ["added"] * 3
    moved = promote(shadowed, 2, "p", NIGHT2)
    assert (moved.codebook_version, moved.serving_versions) == (2, (1, 2))
    assert changes(shadowed, 3) == [
        ("a", "1-2", "1-2", 2, "kept"),
        ("b", "1-2#1", "1-2#1", 2, "kept"),
        ("c", "3-4", "9-9", 0, "codebook"),
    ]
    assert (moved.counts["changed"], moved.counts["unchanged"]) == (1, 2)
    back = roll_back(shadowed, 1, "back", NIGHT3)
    assert (back.codebook_version, back.serving_versions) == (1, (1,))
    assert [change[1:3] for change in changes(shadowed, 4)] == [("1-2", "1-2"), ("1-2#1", "1-2#1"), ("9-9", "3-4")]


def test_promotion_refuses_a_version_that_is_not_served_or_not_complete(shadowed: Store) -> None:
    """Neither an unknown version nor one that lacks an item becomes active."""
    with pytest.raises(ConfigError, match="version 3 is not served beside"):
        promote(shadowed, 3, "p", NIGHT2)
    shadowed.append_rows([catalog_row("late", "L")], "item_catalog")
    with pytest.raises(RunConflict, match="1 active item"):
        promote(shadowed, 2, "p", NIGHT2)
    assert releases.load(shadowed).current.codebook_version == 1


def test_a_promotion_or_rollback_given_again_publishes_nothing(shadowed: Store) -> None:
    """Readers see what is asked for: the release that made it so is returned, on any date; taken back, it is done again."""
    assert promote(shadowed, 1, "p", NIGHT2).release_id == 1
    moved = promote(shadowed, 2, "p", NIGHT2)
    assert promote(shadowed, 2, "p", NIGHT3).release_id == moved.release_id == 3
    back = roll_back(shadowed, 2, "back", NIGHT2)
    assert [roll_back(shadowed, to, "back", NIGHT3).release_id for to in (2, 4)] == [back.release_id] * 2 == [4, 4]
    assert promote(shadowed, 2, "p", NIGHT3).release_id == 5
    assert releases.load(shadowed).next_id == 6


def test_a_promotion_killed_before_its_release_row_is_finished(
    shadowed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change rows carry the release; the next run writes the missing row, once."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(committing, "_announce", die)
        with pytest.raises(KeyboardInterrupt):
            promote(shadowed, 2, "p", NIGHT2)
    assert releases.load(shadowed).current.codebook_version == 1
    assert finish_interrupted(shadowed)
    assert not finish_interrupted(shadowed)
    finished = releases.load(shadowed).current
    assert (finished.release_id, finished.run_id, finished.codebook_version) == (3, "p", 2)
    assert len(changes(shadowed, 3)) == 3


def test_a_reader_beside_promotion_and_rollback_sees_whole_releases(shadowed: Store) -> None:
    """DuckDB asks again and again while readers are moved and moved back; a reader held open stays where it was."""
    held, seen, done = open_reader(shadowed.warehouse), [], Event()

    def look() -> None:
        while not done.is_set():
            reader = open_reader(shadowed.warehouse)
            seen.append((reader.release_id, current_ids(reader)))

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        try:
            promote(shadowed, 2, "p", NIGHT2)
            roll_back(shadowed, 2, "back", NIGHT3)
        finally:
            done.set()
        looking.result()
    first, second = {("a", "1-2"), ("b", "1-2#1"), ("c", "3-4")}, {("a", "1-2"), ("b", "1-2#1"), ("c", "9-9")}
    seen.append((4, current_ids(open_reader(shadowed.warehouse))))
    assert {release for release, _ in seen} == {2, 3, 4}
    assert all(ids == (second if release == 3 else first) for release, ids in seen)
    assert current_ids(held) == first


def current_ids(reader: Reader) -> set[tuple[str, str]]:
    rows = reader.mappings("SELECT item_id, semantic_id FROM semantic_id_current")
    return {(row["item_id"], row["semantic_id"]) for row in rows}
