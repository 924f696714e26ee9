"""Which nights a backfill replays, and where their feeds lie."""

from __future__ import annotations

import doctest
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semid import nights
from semid.cli import columns
from semid.config import load_config
from semid.errors import ConfigError
from semid.nights import day_of, days_between, feed_path, is_dated, of_night, plan_nights

DAY = date(2026, 1, 5)


@pytest.mark.parametrize("module", [nights, columns])
def test_the_examples_of_the_docstrings_hold(module: object) -> None:
    """What the docstrings show is what comes out."""
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def days(*numbers: int) -> tuple[date, ...]:
    return tuple(DAY + timedelta(days=n) for n in numbers)


def test_missing_nights_are_replayed_in_order_and_published_ones_left_alone() -> None:
    """Days 0 and 1 are published and day 1 is the current release: days 2 and 3 are made up for, 2 first."""
    plan = plan_nights(days(3, 2, 1, 0), set(days(0, 1)), DAY + timedelta(days=1))
    assert (plan.done, plan.replay, plan.late) == (days(0, 1), days(2, 3), ())


def test_a_missing_night_before_the_current_release_is_late() -> None:
    """Day 1 was skipped and day 2 published: day 1 is no replay; the current date itself may be published again."""
    plan = plan_nights(days(0, 1, 2), set(days(0)), DAY + timedelta(days=2))
    assert (plan.done, plan.replay, plan.late) == (days(0), days(2), days(1))


def test_an_empty_warehouse_replays_everything() -> None:
    """Before the first release no date is too late."""
    assert plan_nights(days(0, 1), (), None).replay == days(0, 1)


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)), st.none() | st.integers(0, 30))
def test_every_date_is_planned_once_and_no_replay_is_before_the_current_release(
    asked: set[int], published: set[int], current: int | None
) -> None:
    """The three lists share nothing, make up the range, are sorted, and a replay never lies before the release."""
    newest = None if current is None else DAY + timedelta(days=current)
    plan = plan_nights(days(*asked), set(days(*published)), newest)
    assert sorted([*plan.done, *plan.replay, *plan.late]) == list(days(*sorted(asked)))
    assert all(list(part) == sorted(part) for part in (plan.done, plan.replay, plan.late))
    assert set(plan.done) <= set(days(*published))
    assert all(newest is None or day >= newest for day in plan.replay)
    assert all(newest is not None and day < newest for day in plan.late)


def test_a_range_holds_both_its_ends() -> None:
    """The last of February and the first of March; a range of one date is one date."""
    assert days_between(date(2026, 2, 27), date(2026, 3, 1), date(2026, 3, 1)) == [
        date(2026, 2, 27),
        date(2026, 2, 28),
        date(2026, 3, 1),
    ]
    assert days_between(DAY, DAY, DAY) == [DAY]


def test_wrong_ranges_and_dates_are_refused() -> None:
    """Reversed, in the future, or no date at all: each names its flag."""
    with pytest.raises(ConfigError, match="ends before it starts"):
        days_between(DAY, DAY - timedelta(days=1), DAY)
    with pytest.raises(ConfigError, match="ends after the run date"):
        days_between(DAY, DAY + timedelta(days=1), DAY)
    with pytest.raises(ConfigError, match="YYYY-MM-DD") as refused:
        day_of("5.1.2026", "--start")
    assert refused.value.where == "--start 5.1.2026"


@pytest.mark.parametrize(
    ("path", "dated", "found"),
    [
        ("feeds/{date}.parquet", True, "feeds/2026-01-05.parquet"),
        ("s3://b/{date:%Y}/{date:%m%d}", True, "s3://b/2026/0105"),
        ("feeds/all.parquet", False, "feeds/all.parquet"),
        ("feeds/{day}.parquet", False, "feeds/{day}.parquet"),
        ("feeds/{date.year}", False, "feeds/{date.year}"),
        ("feeds/{date:{x}}", False, "feeds/{date:{x}}"),
        ("feeds/a{.parquet", False, "feeds/a{.parquet"),
    ],
)
def test_the_date_takes_its_place_in_the_path(path: str, dated: bool, found: str) -> None:
    """Only {date} with a format is filled in; a path that merely has braces in it stays as it is."""
    assert (is_dated(path), feed_path(path, DAY)) == (dated, found)


def test_only_the_feeds_path_of_the_configuration_changes() -> None:
    """The settings, which make the run id, are the nightly's own."""
    config = load_config(overrides=["catalog.path=feeds/{date}.csv"])
    dated = of_night(config, DAY)
    assert dated.catalog.path == "feeds/2026-01-05.csv"
    assert dated == load_config(overrides=["catalog.path=feeds/2026-01-05.csv"])
    assert of_night(load_config(), DAY) == load_config()
