"""What is counted of a staged run: known answers, any order, and rows that would vanish from a careless count."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from semid.frames.profile import profile
from semid.measure.drift import Profile
from tests import staged as tiny

SOUND = dict.fromkeys(tiny.BROKEN_FACTS, 0) | {
    "staged_rows": 3,
    "active_items": 5,
    "state_rows": 5,
    "current_items": 4,
    "removed_items": 1,
    "kept_items": 2,
    "items": 5,
    "contents": 4,
    "distinct_codes": 3,
    "largest_bucket_items": 3,
    "largest_bucket_contents": 2,
    "arrival_contents": 3,
    "arrival_error": 1 / 3,
}


def counted(staged: DataFrame, current: DataFrame, catalog: DataFrame, changes: DataFrame) -> Profile:
    return profile(staged, current, catalog, changes, tiny.SIZES)


def test_a_sound_night_is_counted_exactly(spark: SparkSession) -> None:
    """Every fact of a night with kept, edited, removed and new items is the number counted by hand."""
    found = counted(
        tiny.frame(spark, tiny.STAGED, "semantic_id_staged"),
        tiny.frame(spark, tiny.CURRENT, "semantic_id"),
        tiny.frame(spark, tiny.CATALOG, "item_catalog"),
        tiny.frame(spark, [tiny.change_row("e", "0-1#2")], "semantic_id_change"),
    )
    assert dict(found.facts) == pytest.approx(SOUND)
    one, two = found.levels
    assert [list(one.state), list(one.arrivals), list(one.previous)] == [[2, 1, 1, 0], [1, 1, 1, 0], [1, 0, 1, 1]]
    assert [list(two.state), list(two.arrivals), list(two.previous)] == [[1, 2, 0, 1], [1, 1, 0, 1], [1, 1, 1, 0]]


def test_each_broken_rule_is_counted_in_any_order(spark: SparkSession) -> None:
    """Each rule broken by its own item gives its count, from shuffled and repartitioned rows: none vanishes."""
    names = ("semantic_id_staged", "semantic_id", "item_catalog", "semantic_id_change")
    rows = (tiny.BROKEN_STAGED, tiny.BROKEN_CURRENT, tiny.BROKEN_CATALOG, tiny.BROKEN_CHANGES)
    frames = [tiny.frame(spark, part, name) for part, name in zip(rows, names, strict=True)]
    found = counted(*[frame.repartition(3).orderBy(F.rand(5)) for frame in frames])
    assert {name: found.facts[name] for name in tiny.BROKEN_FACTS} == tiny.BROKEN_FACTS
    assert sum(found.levels[0].state) == 21 - 2, "codes outside a level and missing ones are in no count"


def test_every_row_of_an_item_is_counted(spark: SparkSession) -> None:
    """Two stand for three equal ones where rows are compared, but the count of rows has all three."""
    found = counted(
        tiny.frame(spark, [*tiny.STAGED, tiny.STAGED[0], tiny.STAGED[0]], "semantic_id_staged"),
        tiny.frame(spark, tiny.CURRENT, "semantic_id"),
        tiny.frame(spark, tiny.CATALOG, "item_catalog"),
        tiny.frame(spark, [tiny.change_row("e", "0-1#2")], "semantic_id_change"),
    )
    assert (found.facts["state_rows"], found.facts["items_with_many_ids"]) == (SOUND["state_rows"] + 2, 1)


def test_nothing_staged_and_nothing_published(spark: SparkSession) -> None:
    """Empty tables give counts of zero, and no mean error rather than a mean of zero."""
    names = ("semantic_id_staged", "semantic_id", "item_catalog", "semantic_id_change")
    found = counted(*[tiny.frame(spark, [], name) for name in names])
    assert found.facts["active_items"] == found.facts["contents"] == found.facts["reused_ids"] == 0
    assert found.facts["arrival_error"] is None
    assert sum(found.levels[1].state) == 0
