"""Publishing: validity intervals, the change table, interrupted and repeated releases."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from semid.errors import ConfigError, RunConflict
from semid.tables import commit as committing
from semid.tables import releases
from semid.tables.commit import finish_interrupted
from semid.tables.query import open_reader
from semid.tables.store import Store
from semid.tables.switch import roll_back
from tests.small_nights import NIGHT2, NIGHT3, changes, intervals, night, open_ids, second_night, staged_row


def test_second_night_closes_changed_and_removed_rows_and_leaves_the_others(published: Store) -> None:
    """An edited item gets a new interval, a removed one loses its open one, the rest is not rewritten."""
    first, second = releases.load(published).current, second_night(published)
    assert intervals(published) == [
        ("a", "1-2", "2026-01-01", "2026-01-02"),
        ("a", "1-5", "2026-01-02", "None"),
        ("b", "1-2#1", "2026-01-01", "None"),
        ("c", "3-4", "2026-01-01", "2026-01-02"),
        ("d", "7-7", "2026-01-02", "None"),
    ]
    assert changes(published, 2) == [
        ("a", "1-2", "1-5", 1, "content"),
        ("c", "3-4", None, 0, "removed"),
        ("d", None, "7-7", 0, "added"),
    ]
    assert (first.kind, second.kind) == ("bootstrap", "nightly")
    assert second.counts == {
        "added": 1,
        "changed": 1,
        "removed": 1,
        "unchanged": 1,
        "items": 3,
        "quarantined": 0,
    }


def test_two_releases_on_one_date_replace_that_days_interval(published: Store) -> None:
    """A corrected feed of the same date rewrites the day's rows: no interval overlaps, none has length zero."""
    night(published, "n2", NIGHT2, {"a": "A2", "b": "B", "c": "C", "d": "D"}, [
        staged_row("n2", "a", [1, 5], "A2", NIGHT2),
        staged_row("n2", "d", [7, 7], "D", NIGHT2),
    ])  # fmt: skip
    night(published, "n2b", NIGHT2, {"a": "A3", "b": "B", "c": "C"}, [staged_row("n2b", "a", [1, 6], "A3", NIGHT2)])
    assert intervals(published) == [
        ("a", "1-2", "2026-01-01", "2026-01-02"),
        ("a", "1-6", "2026-01-02", "None"),
        ("b", "1-2#1", "2026-01-01", "None"),
        ("c", "3-4", "2026-01-01", "None"),
    ]
    assert changes(published, 3) == [("a", "1-5", "1-6", 1, "content"), ("d", "7-7", None, 0, "removed")]


def test_a_night_without_changes_is_a_release_but_no_commit(published: Store) -> None:
    """Nothing changed: the ID table keeps its version, the release row still says that the night was fine."""
    version = published.version("semantic_id")
    second = night(published, "n2", NIGHT2, {"a": "A", "b": "B", "c": "C"}, [])
    assert published.version("semantic_id") == version
    assert (second.release_id, second.counts["unchanged"]) == (2, 3)


@pytest.mark.parametrize("dies_in", ["changed_ids", "_announce"])
def test_a_publish_killed_after_its_merge_is_finished_by_the_next_run(
    published: Store, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    """Killed between MERGE, change rows and release row: what follows equals an undisturbed publish."""
    staged = [staged_row("n2", "a", [1, 5], "A2", NIGHT2)]

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(committing, dies_in, die)
        with pytest.raises(KeyboardInterrupt):
            night(published, "n2", NIGHT2, {"a": "A2", "b": "B"}, staged)
    assert releases.load(published).current.release_id == 1
    finish_interrupted(published)
    finish_interrupted(published)
    release = releases.load(published).current
    assert (release.release_id, release.run_id, release.run_date) == (2, "n2", NIGHT2)
    assert release.counts == {
        "added": 0,
        "changed": 1,
        "removed": 1,
        "unchanged": 1,
        "items": 2,
        "quarantined": 0,
    }
    assert changes(published, 2) == [("a", "1-2", "1-5", 1, "content"), ("c", "3-4", None, 0, "removed")]


def test_an_older_date_and_a_moved_catalog_are_refused(published: Store) -> None:
    """Neither a date before the current release nor rows staged for another catalog get in."""
    night(published, "n2", NIGHT3, {"a": "A", "b": "B", "c": "C"}, [])
    with pytest.raises(ConfigError, match="2026-01-02 lies before"):
        night(published, "n3", NIGHT2, {"a": "A", "b": "B", "c": "C"}, [])
    with pytest.raises(RunConflict, match="1 active item"):
        night(published, "n4", NIGHT3, {"a": "A", "b": "B", "c": "changed meanwhile"}, [])
    assert releases.load(published).current.release_id == 2


def test_blocked_release_is_recorded_once_and_changes_nothing(published: Store) -> None:
    """A blocked attempt leaves a row that says so; readers stay with the published release."""
    for _ in range(2):
        releases.record_blocked(published, "n2", NIGHT2)
    rows = [(r.release_id, r.status) for r in published.read("release").orderBy("release_id").collect()]
    assert rows == [(1, "published"), (2, "blocked")]
    assert releases.load(published).current.release_id == 1
    assert releases.load(published).current.created_at.replace(tzinfo=UTC) < datetime.now(UTC)


def test_a_clock_that_is_put_back_changes_no_order(published: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases are ordered by number, commits by version: with a date of a month before, too, the newest is current."""
    month = timedelta(days=30)

    class PutBack(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) - month

    for file in Path(published.warehouse).glob("*/_delta_log/*"):  # what is there looks younger than what comes
        os.utime(file, (file.stat().st_atime + month.total_seconds(), file.stat().st_mtime + month.total_seconds()))
    monkeypatch.setattr(releases, "datetime", PutBack)
    second_night(published)
    first, second = releases.load(published).published
    assert second.created_at < first.created_at
    assert finish_interrupted(published) is False
    after = {"a": "1-5", "b": "1-2#1", "d": "7-7"}
    assert open_ids(published) == after
    shown = open_reader(published.warehouse).mappings("SELECT item_id, semantic_id FROM semantic_id_current")
    assert {row["item_id"]: row["semantic_id"] for row in shown} == after
    assert roll_back(published, 1, "back", NIGHT3).release_id == 3
    assert open_ids(published) == {"a": "1-2", "b": "1-2#1", "c": "3-4"}
