"""Which dates have a published night, also after rollbacks, blocked nights, promotions and rebuilt dates."""

from __future__ import annotations

from datetime import date

from semid.tables.releases import Release, Releases


def history(*rows: tuple[int, str, str, dict[str, int]]) -> Releases:
    """Releases of (day of January, kind, status, counts), in order."""
    made = [
        Release(n, f"r{n}", date(2026, 1, day), kind, status, 1, (1,), {}, counts, "pass")
        for n, (day, kind, status, counts) in enumerate(rows, 1)
    ]
    return Releases(tuple(made))


def nights(*rows: tuple[int, str, str, dict[str, int]]) -> list[int]:
    return sorted(day.day for day in history(*rows).nights)


def test_nights_are_the_dates_whose_feed_is_published() -> None:
    """The first night, a usual one and a replayed one; not a blocked one, a retraining or a promotion."""
    assert nights() == []
    assert nights(
        (1, "bootstrap", "published", {}),
        (2, "nightly", "published", {}),
        (3, "backfill", "published", {}),
        (4, "nightly", "blocked", {}),
        (5, "retrain", "published", {}),
    ) == [1, 2, 3]


def test_a_rebuilt_date_is_no_night_of_the_date_it_stands_on() -> None:
    """Its release carries the current date, on which no feed was published."""
    rebuilt = {"rebuilt_date": 20260101, "rebuilt_version": 1}
    rows = [(1, "bootstrap", "published", {}), (2, "retrain", "published", {}), (2, "backfill", "published", rebuilt)]
    assert nights(*rows) == [1]
    assert history(*rows).published[-1].rebuilt_date == date(2026, 1, 1)


def test_a_rollback_gives_back_its_own_date_and_no_earlier_one() -> None:
    """Rolled back on the day it was published, a night may run again; one of an earlier date is history."""
    before = [(1, "bootstrap", "published", {}), (2, "nightly", "published", {})]
    assert nights(*before, (2, "rollback", "published", {})) == [1]
    assert nights(*before, (3, "rollback", "published", {})) == [1, 2]
    assert nights(*before, (2, "rollback", "published", {}), (2, "nightly", "published", {})) == [1, 2]


def test_a_night_that_was_taken_back_stays_so_after_the_next_date() -> None:
    """The IDs of its date are those from before it: a backfill must not find it done."""
    rows = [(1, "bootstrap", "published", {}), (2, "nightly", "published", {}), (2, "rollback", "published", {})]
    assert nights(*rows, (3, "nightly", "published", {})) == [1, 3]
    assert nights(*rows, (3, "rollback", "published", {})) == [1]
