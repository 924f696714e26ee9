"""How far back the tables must stay readable."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from semid.tables.releases import Release
from semid.tables.retention import kept_releases, lost_versions, oldest_versions, retention_days

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def release(number: int, age: int, **versions: int) -> Release:
    made = NOW - timedelta(days=age)
    return Release(
        number, f"r{number}", date(2026, 1, 1), "nightly", "published", 1, (1,), versions, {}, "pass", created_at=made
    )


def test_releases_of_the_last_days_and_the_last_two_are_kept() -> None:
    """Thirty days keep release 2; a warehouse that has slept for a year keeps its last two all the same."""
    published = [release(1, 40), release(2, 29), release(3, 5), release(4, 1)]
    assert [r.release_id for r in kept_releases(published, NOW - timedelta(days=30))] == [2, 3, 4]
    asleep = [release(1, 900), release(2, 400), release(3, 370)]
    assert [r.release_id for r in kept_releases(asleep, NOW - timedelta(days=30))] == [2, 3]
    assert kept_releases([], NOW) == ()


def test_the_oldest_recorded_version_of_each_table_counts() -> None:
    """A table that only some releases recorded counts for these."""
    kept = [release(1, 3, semantic_id=4, codebook=1), release(2, 2, semantic_id=3), release(3, 1, item_catalog=7)]
    assert oldest_versions(kept) == {"semantic_id": 3, "codebook": 1, "item_catalog": 7}


@given(st.integers(7, 400), st.none() | st.floats(0, 4000))
def test_the_retention_covers_the_days_asked_for_and_the_oldest_commit(keep: int, age: float | None) -> None:
    """In whole weeks, at least a day longer than both, and at most eight days longer than the longer of them."""
    commit = None if age is None else NOW - timedelta(days=age)
    days, needed = retention_days(NOW, keep, commit), max(keep, age or 0.0)
    assert days % 7 == 0
    assert needed + 1 - 1e-6 <= days <= needed + 8 + 1e-6


def test_known_retentions() -> None:
    """Thirty days and one are five weeks; a version committed 34.5 days ago takes six."""
    assert retention_days(NOW, 30, None) == 35
    assert retention_days(NOW, 30, NOW - timedelta(days=34.5)) == 42
    assert retention_days(NOW, 7, NOW) == 14


def test_versions_that_left_the_history_are_named() -> None:
    """What is already gone cannot be protected: it is said, release by release."""
    commits = {"semantic_id": {3: NOW}, "codebook": {1: NOW}}
    kept = [release(1, 9, semantic_id=2, codebook=1), release(2, 1, semantic_id=3)]
    assert lost_versions(kept, commits) == ["release 1: semantic_id version 2"]


histories = st.lists(
    st.tuples(st.none() | st.integers(0, 60), st.dictionaries(st.sampled_from("abc"), st.integers(0, 30))), max_size=8
)


def made(history: list[tuple[int | None, dict[str, int]]]) -> list[Release]:
    """Releases of these ages in days, oldest first; None where a release says no time."""
    rows = sorted(history, key=lambda one: -(one[0] or 0))
    return [
        replace(release(n, age or 0, **versions), created_at=None if age is None else NOW - timedelta(days=age))
        for n, (age, versions) in enumerate(rows, 1)
    ]


@given(histories, st.integers(0, 60), st.integers(0, 60))
@settings(deadline=None)
def test_a_longer_retention_keeps_more_and_never_less_than_the_last_two(
    history: list[tuple[int | None, dict[str, int]]], days: int, more: int
) -> None:
    """In order, each once; whatever the clock says, the last two are among them."""
    published = made(history)
    few, many = (kept_releases(published, NOW - timedelta(days=n)) for n in (days, days + more))
    ids, last = [[row.release_id for row in rows] for rows in (few, many)], [row.release_id for row in published]
    assert set(last[-2:]) <= set(ids[0]) <= set(ids[1]) <= set(last)
    assert ids == [sorted(numbers) for numbers in ids]


@given(histories)
@settings(deadline=None)
def test_keeping_from_the_oldest_versions_on_keeps_every_release_readable(
    history: list[tuple[int | None, dict[str, int]]],
) -> None:
    """Nothing is lost with all versions from there on, and raising any of these by one loses a release."""
    kept = made(history)
    oldest = oldest_versions(kept)
    commits = {name: dict.fromkeys(range(first, 40), NOW) for name, first in oldest.items()}
    assert lost_versions(kept, commits) == []
    for name, first in oldest.items():
        fewer = commits | {name: dict.fromkeys(range(first + 1, 40), NOW)}
        lost = lost_versions(kept, fewer)
        assert lost
        assert all(problem.endswith(f": {name} version {first}") for problem in lost)
