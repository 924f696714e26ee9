"""What makes two runs the same run: the settings, the feed and the tables that they read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from semid.config import load_config
from semid.errors import RunConflict
from semid.tables.runs import closed, inputs_fingerprint, opening, refuse_reuse

DAY = date(2026, 1, 6)


def inputs(*settings: str, feed: str = "f", **tables: int) -> str:
    return inputs_fingerprint(load_config(overrides=list(settings)), feed, tables)


@pytest.mark.parametrize(
    "setting", ["codebook.seed=7", "text.max_bytes=100", "embedding.prompt='item: '", "catalog.mode=increment"]
)
def test_another_setting_is_another_run(setting: str) -> None:
    """Whatever decides an ID does; so do the content of the feed and the version of a table that is read."""
    assert inputs(setting) != inputs() == inputs()
    assert len({inputs(), inputs(feed="g"), inputs(codebook=1), inputs(codebook=2)}) == 4


@pytest.mark.parametrize(
    "setting",
    ["warehouse=/elsewhere", "catalog.path=/moved/feed.csv", "observe.metrics=null", "spark.properties=mine.conf"],
)
def test_where_things_lie_and_how_spark_is_tuned_makes_no_other_run(setting: str) -> None:
    """A feed that was moved is the same feed."""
    assert inputs(setting) == inputs()


def test_a_run_id_is_not_used_for_something_else() -> None:
    """Exit 5: job, date and inputs are each told as they were and as they are now."""
    row = {"run_id": "r", "job": "nightly", "run_date": DAY, "inputs": "aa"}
    refuse_reuse(row, "nightly", DAY, "aa")
    with pytest.raises(RunConflict) as refused:
        refuse_reuse(row, "retrain", date(2026, 1, 7), "bb")
    assert refused.value.exit_code == 5
    assert refused.value.problems == (
        "job: then nightly, now retrain",
        "run date: then 2026-01-06, now 2026-01-07",
        "inputs and configuration: then aa, now bb",
    )


@pytest.mark.parametrize(("ahead", "behind"), [(timedelta(days=30), True), (timedelta(days=-30), False), (None, False)])
def test_a_run_is_dated_behind_the_newest_one(ahead: timedelta | None, behind: bool) -> None:
    """Also when the clock was put back since; how long it took is measured by another clock."""
    now = datetime.now(UTC)
    newest = None if ahead is None else now + ahead
    row = opening("r", "nightly", DAY, newest)
    assert (row["started_at"] > now + timedelta(days=29)) is behind
    assert newest is None or row["started_at"] > newest
    done = closed(row, {"status": "done"})
    assert 0 <= done["seconds"] < 60
    assert done["ended_at"] - done["started_at"] == timedelta(seconds=done["seconds"])
