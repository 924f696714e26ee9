"""Replacing the IDs of a past date: that date changes, up to the next release, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from pathlib import Path

import pytest
from pyspark.sql import DataFrame

from semid.errors import ConfigError, RunConflict
from semid.tables import commit as committing
from semid.tables import releases
from semid.tables.commit import finish_interrupted
from semid.tables.past import Audited, Past, as_open, past_of, publish_past
from semid.tables.publish import wanted_rows
from semid.tables.releases import Release
from semid.tables.store import Store
from tests.small_nights import NIGHT2, catalog_row, changes, copy, intervals, night, open_ids, staged_row

DAY4 = date(2026, 1, 4)
AUDITED = Audited("past", "warn", 1)


@pytest.fixture(scope="module")
def third_night(two_releases: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A third night two days after the second one, which edits `a` once more."""
    store = copy(two_releases, tmp_path_factory.mktemp("three") / "warehouse")
    night(store, "n3", DAY4, {"a": "A3", "b": "B", "d": "D"}, [staged_row("n3", "a", [1, 6], "A3", DAY4)])
    return store


@pytest.fixture
def three(third_night: Store, tmp_path: Path) -> Store:
    """A warehouse after three nights."""
    return copy(third_night, tmp_path / "warehouse")


def wanted(store: Store, items: dict[str, str]) -> DataFrame:
    return wanted_rows(store.frame([catalog_row(i, c) for i, c in items.items()], "item_catalog"), (1,))


def rebuild(store: Store) -> Release:
    """The second night's feed as it should have been: `a` was never edited, `b` was, `c` stayed, `e` came, not `d`."""
    rows = [("a", [1, 2], "A", 0), ("b", [1, 9], "B9", 0), ("c", [3, 4], "C", 0), ("e", [7, 7], "E", 1)]
    made = [staged_row("past", item, codes, content, NIGHT2, index) for item, codes, content, index in rows]
    staged = store.frame(made, "semantic_id_staged").drop("run_id")
    feed = wanted(store, {"a": "A", "b": "B9", "c": "C", "e": "E"})
    return publish_past(store, AUDITED, past_of(releases.load(store), NIGHT2), staged, feed)


REBUILT = [
    ("a", "1-2", "2026-01-01", "2026-01-02"),
    ("a", "1-2", "2026-01-02", "2026-01-04"),
    ("a", "1-6", "2026-01-04", "None"),
    ("b", "1-2#1", "2026-01-01", "2026-01-02"),
    ("b", "1-2#1", "2026-01-04", "None"),
    ("b", "1-9", "2026-01-02", "2026-01-04"),
    ("c", "3-4", "2026-01-01", "2026-01-02"),
    ("c", "3-4", "2026-01-02", "2026-01-04"),
    ("d", "7-7", "2026-01-04", "None"),
    ("e", "7-7#1", "2026-01-02", "2026-01-04"),
]
MOVED = [
    ("a", "1-5", "1-2", 1, "content"),
    ("b", "1-2#1", "1-9", 1, "content"),
    ("c", None, "3-4", 0, "added"),
    ("d", "7-7", None, 0, "removed"),
    ("e", None, "7-7#1", 0, "added"),
]


def test_a_rebuilt_date_changes_up_to_the_next_release(three: Store) -> None:
    """Known answer: rows are cut at the date and at the next release; what is current stays what it was."""
    current = open_ids(three)
    release = rebuild(three)
    assert intervals(three) == REBUILT
    assert open_ids(three) == current
    assert changes(three, 4) == MOVED
    assert (release.release_id, release.kind, release.run_date, release.verdict) == (4, "backfill", DAY4, "warn")
    counted = {"added": 2, "changed": 2, "removed": 1, "unchanged": 0, "items": 4, "quarantined": 1}
    assert release.counts == {**counted, "rebuilt_date": 20260102, "rebuilt_version": 1}
    assert not release.of_feed
    assert releases.load(three).nights == {date(2026, 1, 1), NIGHT2, DAY4}


def test_a_repeated_rebuild_moves_no_row(three: Store) -> None:
    """With nothing left that differs, the release is a row without a commit."""
    rebuild(three)
    version = three.version("semantic_id")
    nothing = three.frame([], "semantic_id_staged").drop("run_id")
    feed = wanted(three, {"a": "A", "b": "B9", "c": "C", "e": "E"})
    again = publish_past(three, replace(AUDITED, run_id="again"), past_of(releases.load(three), NIGHT2), nothing, feed)
    assert three.version("semantic_id") == version
    assert (again.release_id, again.counts["unchanged"]) == (5, 4)


@pytest.mark.parametrize("dies_in", ["changed_ids", "_announce"])
def test_a_rebuild_killed_after_its_merge_is_finished_by_the_next_run(
    three: Store, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    """Killed between MERGE, change rows and release row: the same rows as undisturbed."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(committing, dies_in, die)
        with pytest.raises(KeyboardInterrupt):
            rebuild(three)
    assert finish_interrupted(three)
    assert not finish_interrupted(three)
    assert (intervals(three), changes(three, 4)) == (REBUILT, MOVED)
    assert releases.load(three).current.rebuilt_date == NIGHT2


def test_only_past_dates_with_a_release_before_and_after_are_rebuilt(three: Store) -> None:
    """Not the current date, which a night may publish again, and not one before the first release."""
    history = releases.load(three)
    assert past_of(history, date(2026, 1, 3)) == Past(date(2026, 1, 3), DAY4, 1, (1,))
    with pytest.raises(ConfigError, match="does not lie before the current release"):
        past_of(history, DAY4)
    with pytest.raises(ConfigError, match="nothing was published by then"):
        past_of(history, date(2025, 12, 31))


def test_an_item_without_an_id_for_its_content_is_refused(three: Store) -> None:
    """A wanted content that is neither staged nor there already: nothing is committed."""
    before = three.version("semantic_id")
    nothing = three.frame([], "semantic_id_staged").drop("run_id")
    with pytest.raises(RunConflict, match="1 active item"):
        publish_past(three, AUDITED, past_of(releases.load(three), NIGHT2), nothing, wanted(three, {"a": "new"}))
    assert three.version("semantic_id") == before


D, N = date(2026, 2, 10), date(2026, 2, 14)
_SPANS = [None, *product((D - timedelta(days=2), D), (N, N + timedelta(days=3), None))]
_FED = (None, "same", "other")


def _state(store: Store, day: date) -> dict[str, str]:
    rows = as_open(store.read("semantic_id"), day).where("valid_to IS NULL").collect()
    assert len(rows) == len({row.item_id for row in rows})
    return {row.item_id: row.semantic_id for row in rows}


def test_every_kind_of_interval_against_a_day_by_day_oracle(store: Store) -> None:
    """Intervals before, across, on and after the date, for items that leave, stay or change: each day is looked at."""
    old, staged, fed = [], [], {}
    for number, (span, feed) in enumerate(product(_SPANS, _FED)):
        item = f"i{number:02}"
        endless = span is not None and span[1] is None
        around = [
            (D - timedelta(days=5), D - timedelta(days=3)),
            span,
            None if endless else (N + timedelta(days=3), None),
        ]
        for start, end in filter(None, around):
            row = staged_row("r", item, [1, number], f"same{item}", start, index=0)
            del row["run_id"]
            old.append(row | {"valid_to": end, "release_id": 1})
        if feed:
            fed[item] = f"{feed}{item}"
        if feed == "other" or (feed == "same" and span is None):
            staged.append(staged_row("past", item, [2, number], f"{feed}{item}", D))
    store.append_rows(old, "semantic_id")
    made = Release(1, "r", N, "nightly", "published", 1, (1,), {}, {}, "pass")
    for one in (replace(made, run_date=D - timedelta(days=5)), replace(made, release_id=2)):
        releases.record(store, one)
    days = [D + timedelta(days=n) for n in range(-6, 12)]
    before = {day: _state(store, day) for day in days}
    rows = store.frame(staged, "semantic_id_staged").drop("run_id")
    publish_past(store, AUDITED, past_of(releases.load(store), D), rows, wanted(store, fed))
    new = {row["item_id"]: row["semantic_id"] for row in staged}
    rebuilt = {item: new.get(item, before[D].get(item)) for item in fed}
    for day in days:
        assert _state(store, day) == (rebuilt if D <= day < N else before[day]), day
