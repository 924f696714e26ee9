"""Token sequences on Spark: the ID of an event's day, the order, and splits equal to those on arrays."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from semid.downstream.sequences import Examples, Histories, histories, leave_one_out, split_by_time
from semid.downstream.vocabulary import Vocabulary
from semid.errors import InputRefused
from semid.frames.sequences import (
    to_events,
    to_history_lengths,
    to_sequences,
    with_leave_one_out,
    with_time_split,
    with_tokens,
)

FIRST = date(2026, 1, 1)
VOCABULARY = Vocabulary(sizes=(4, 4), duplicates=3, users=0)
"""Tokens: 2 to 5 and 6 to 9 for the codes, 10 to 12 for the dedup indexes."""
IDS = "item_id STRING, valid_from DATE, valid_to DATE, codes ARRAY<INT>, dedup_index INT"


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def ids(spark: SparkSession) -> DataFrame:
    """Item a moves on day 5 and is removed on day 8; b comes on day 3; 3 others stay as they are."""
    rows: list[tuple[Any, ...]] = [
        ("a", day(0), day(5), [0, 1], 0),
        ("a", day(5), day(8), [3, 1], 2),
        ("b", day(3), None, [0, 1], 1),
        *[(name, day(0), None, [2, number], 0) for number, name in enumerate("cde")],
    ]
    return spark.createDataFrame(rows, IDS)


def test_an_event_has_the_id_of_its_day(spark: SparkSession) -> None:
    """Before the change the old ID, from its day on the new one, also after removal; before the first, the first."""
    rows = [("u", item, datetime(2026, 1, 1) + timedelta(days=at)) for item, at in
            [("b", 1), ("a", 2), ("b", 4), ("a", 5), ("a", 9), ("nobody", 9)]]  # fmt: skip
    events = to_events(spark.createDataFrame(rows, "user_id STRING, item_id STRING, timestamp TIMESTAMP"))
    (row,) = to_sequences(with_tokens(events, ids(spark), VOCABULARY)).collect()
    a, moved, b = [2, 7, 10], [5, 7, 12], [2, 7, 11]
    assert row.item_ids == ["b", "a", "b", "a", "a"]
    assert row.tokens == [b, a, b, moved, moved]
    assert (row.length, row.days[0]) == (5, day(1))


def test_positions_without_days_have_the_newest_ids(spark: SparkSession) -> None:
    """They order the events, whatever the order of the rows."""
    rows = [("u", "a", 2), ("u", "c", 0), ("u", "b", 1)]
    events = to_events(spark.createDataFrame(rows, "user_id STRING, item_id STRING, position INT"))
    sequences = to_sequences(with_tokens(events, ids(spark), VOCABULARY))
    (row,) = sequences.collect()
    assert (row.item_ids, row.tokens[2]) == (["c", "b", "a"], [5, 7, 12])
    with pytest.raises(InputRefused, match="positions only"):
        with_time_split(sequences, day(1), day(2))


def test_splits_are_those_on_arrays(spark: SparkSession) -> None:
    """Forty drawn users of 1 to 8 events, many of them on one day; leave-one-out and by time; lengths."""
    rng = np.random.default_rng(3)
    rows = [
        (f"u{user:02d}", "abcde"[rng.integers(5)], day(int(rng.integers(6))))
        for user in range(40)
        for _ in range(rng.integers(1, 9))
    ]
    schema = "user_id STRING, item_id STRING, date DATE"
    table = spark.createDataFrame([rows[n] for n in rng.permutation(len(rows))], schema)
    sequences = to_sequences(with_tokens(to_events(table), ids(spark), VOCABULARY)).persist()
    users, items, days = (list(column) for column in zip(*rows, strict=True))
    log = histories(users, ["abcde".index(item) for item in items], np.array(days, "M8[D]"))
    found = with_leave_one_out(sequences).orderBy("user_id").collect()
    assert [row.user_id for row in found] == log.users.tolist()
    assert [item for row in found for item in row.item_ids] == ["abcde"[row] for row in log.items]
    for split, rows_of in (
        (leave_one_out(log), found),
        (split_by_time(log, np.datetime64(day(3)), np.datetime64(day(4))),
         with_time_split(sequences, day(3), day(4)).orderBy("user_id").collect()),
    ):  # fmt: skip
        assert [row.train for row in rows_of] == split.train.lengths.tolist()
        assert told(rows_of, "valid") == wanted(split.valid)
        assert told(rows_of, "test") == wanted(split.test)
    counts = {row.length: row.users for row in to_history_lengths(sequences).collect()}
    assert counts == dict(zip(*(part.tolist() for part in np.unique(log.lengths, return_counts=True)), strict=True))
    sequences.unpersist()
    with pytest.raises(InputRefused, match="is not before"):
        with_time_split(sequences, day(4), day(4))


def told(rows: list[Any], part: str) -> list[tuple[str, list[str], str]]:
    return [(row.user_id, row.item_ids[: row[part]], row.item_ids[row[part]]) for row in rows if row[part] is not None]


def wanted(part: Examples) -> list[tuple[str, list[str], str]]:
    past: Histories = part.histories
    known = [["abcde"[n] for n in run] for run in np.split(past.items, past.offsets[1:-1])]
    return list(zip(past.users.tolist(), known, ["abcde"[n] for n in part.targets], strict=True))


def test_what_makes_no_histories_is_refused(spark: SparkSession) -> None:
    """Missing columns, and rows without a value, in one message each."""
    with pytest.raises(InputRefused) as refused:
        to_events(spark.createDataFrame([("a",)], "item_id STRING"))
    assert len(refused.value.problems) == 2
    rows = [("u", None, "2026-01-01"), (None, "a", "soon")]
    with pytest.raises(InputRefused) as refused:
        to_events(spark.createDataFrame(rows, "user_id STRING, item_id STRING, date STRING"))
    assert refused.value.problems == ("1 rows have no user_id", "1 rows have no item_id", "1 rows have no day")
