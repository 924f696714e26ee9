"""Interactions on Spark: events in, one token sequence per user out, and the splits that judge a recommender.

The pure counterpart, on arrays of a single machine, is `downstream.sequences`; both order and split alike.
"""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from semid.downstream.vocabulary import Vocabulary
from semid.errors import InputRefused


def to_events(table: DataFrame) -> DataFrame:
    """Return (user_id, item_id, day, moment) of a table of interactions, checked.

    Args:
        table: With user_id, item_id, and at least one of position, timestamp and date. The day is that of `date` or of
            `timestamp`, null without both; within a day `position` orders a user's events, or else `timestamp`.

    Raises:
        InputRefused: Lists the columns that are missing, and how many rows lack a value.
    """
    there = [name for name in ("position", "timestamp", "date") if name in table.columns]
    problems = [f"no column {name}" for name in ("user_id", "item_id") if name not in table.columns]
    problems += [] if there else ["no column position, timestamp or date: what came first?"]
    if problems:
        raise InputRefused("the file is no table of interactions", where="--interactions", problems=problems)
    day = F.col("date" if "date" in there else "timestamp").try_cast("date") if there != ["position"] else F.lit(None)
    moment = (
        F.col("position").try_cast("bigint") if "position" in there else _micros() if "timestamp" in there else F.lit(0)
    )
    rows = table.select(
        F.col("user_id").cast("string").alias("user_id"),
        F.col("item_id").cast("string").alias("item_id"),
        day.cast("date").alias("day"),
        moment.cast("bigint").alias("moment"),
    )
    _check(rows, dated=there != ["position"])
    return rows


def with_tokens(events: DataFrame, ids: DataFrame, vocabulary: Vocabulary) -> DataFrame:
    """Add `tokens`, those of the ID that an event's item had on its day; events of items without any ID are left out.

    An event from before its item had an ID has the first one; without a day, the newest.

    Args:
        events: (user_id, item_id, day, moment).
        ids: Rows of semantic_id of one codebook version, all intervals.
        vocabulary: Says which token each code and dedup index is.
    """
    levels = F.concat("codes", F.array("dedup_index")) if vocabulary.duplicates else F.col("codes")
    offsets = F.array(*[F.lit(offset) for offset in vocabulary.level_offsets])
    tokens = F.transform(
        F.arrays_zip(levels.alias("code"), offsets.alias("first")), lambda at: at["code"] + at["first"]
    )
    one = F.struct("valid_from", tokens.cast("array<int>").alias("tokens"))
    history = ids.groupBy("item_id").agg(F.array_sort(F.collect_list(one)).alias("ids"))
    before = F.filter("ids", lambda known: known["valid_from"] <= F.col("day"))
    newest, first = F.element_at("ids", -1), F.element_at("ids", 1)
    then = F.when(F.col("day").isNull(), newest).when(F.size(before) == 0, first)
    chosen = then.otherwise(F.try_element_at(before, F.lit(-1)))
    return events.join(history, "item_id").select(*events.columns, chosen["tokens"].alias("tokens"))


def to_sequences(events: DataFrame) -> DataFrame:
    """Return (user_id, item_ids, days, tokens, length), oldest first; events of one moment in the order of item ids.

    Args:
        events: (user_id, item_id, day, moment, tokens).
    """
    one = F.array_sort(F.collect_list(F.struct("day", "moment", "item_id", "tokens"))).alias("one")
    users = events.groupBy("user_id").agg(one)
    return users.select(
        "user_id",
        F.col("one.item_id").alias("item_ids"),
        F.col("one.day").alias("days"),
        F.col("one.tokens").alias("tokens"),
        F.size("one").alias("length"),
    )


def with_leave_one_out(sequences: DataFrame) -> DataFrame:
    """Add `train`, `valid` and `test`, see `downstream.sequences.leave_one_out`.

    The first `train` events are for learning; `valid` and `test` are the places (from 0) of the events to foretell, all
    before them being known; null where there is none.
    """
    judged, length = F.col("length") >= 3, F.col("length")
    train = F.when(judged, length - 2).otherwise(length)
    return _split(sequences, train, F.when(judged, length - 2), F.when(judged, length - 1))


def with_time_split(sequences: DataFrame, valid_from: date, test_from: date) -> DataFrame:
    """Add `train`, `valid` and `test` as above, see `downstream.sequences.split_by_time`.

    Raises:
        InputRefused: `valid_from` is not before `test_from`, or the events have no days.
    """
    problems = [] if valid_from < test_from else [f"{valid_from} is not before {test_from}"]
    if sequences.where(F.exists("days", F.isnull)).limit(1).count():
        problems.append("the interactions have positions only: no column timestamp or date")
    if problems:
        raise InputRefused("interactions cannot be split by time", where="--test-from", problems=problems)
    in_train, in_both = _before(valid_from), _before(test_from)
    valid = F.when((in_train > 0) & (in_train < in_both), in_train)
    return _split(sequences, in_train, valid, F.when((in_both > 0) & (in_both < F.col("length")), in_both))


def to_history_lengths(sequences: DataFrame) -> DataFrame:
    """Return (length, users): how many users have how many events."""
    return sequences.groupBy("length").agg(F.count("*").alias("users")).select("length", "users")


def _before(day: date) -> Column:
    return F.size(F.filter("days", lambda at: at < F.lit(day)))


def _split(sequences: DataFrame, train: Column, valid: Column, test: Column) -> DataFrame:
    return sequences.select("*", train.alias("train"), valid.alias("valid"), test.alias("test"))


def _micros() -> Column:
    return F.unix_micros(F.col("timestamp").try_cast("timestamp"))


def _check(rows: DataFrame, dated: bool) -> None:
    missing = {name: F.col(name).isNull() for name in ("user_id", "item_id", "moment", *(["day"] if dated else []))}
    counts = [F.count_if(lacks).alias(name) for name, lacks in missing.items()]
    found = rows.agg(F.count("*").alias("rows"), *counts).collect()[0]
    problems = ["no rows"] if not found.rows else []
    problems += [f"{found[name]:,} rows have no {name}" for name in missing if found[name]]
    if problems:
        raise InputRefused("interactions do not make histories", where="--interactions", problems=problems)
