"""Dedup indexes: given once, kept for ever, the same for every order of the rows."""

from __future__ import annotations

import random
from datetime import date

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from semid.frames.resolve import to_ledger, to_staged, with_dedup_index


def numbered_by_hand(items: dict[str, str], ledger: dict[tuple[str, str], int]) -> dict[str, int]:
    """A second implementation, one item after the other."""
    result = {}
    for item in sorted(items):
        bucket = items[item]
        if (item, bucket) not in ledger:
            taken = [index for (_, b), index in ledger.items() if b == bucket]
            ledger[item, bucket] = max(taken, default=-1) + 1
        result[item] = ledger[item, bucket]
    return result


def test_indexes_follow_the_ledger_over_five_nights(spark: SparkSession) -> None:
    """Random nights with edits, removals and returns: equal to the one-by-one ledger, in any row order."""
    rng = random.Random(7)
    by_hand: dict[tuple[str, str], int] = {}
    schema = "to_version int, item_id string, new_semantic_id string"
    changes: list[tuple[int, str, str]] = []
    for _ in range(5):
        items = {f"i{rng.randrange(40):02}": f"{rng.randrange(3)}-{rng.randrange(2)}" for _ in range(25)}
        rows = [(item, [int(c) for c in bucket.split("-")]) for item, bucket in items.items()]
        rng.shuffle(rows)
        ledger = to_ledger(spark.createDataFrame(changes, schema), 1)
        frame = spark.createDataFrame(rows, "item_id string, codes array<int>").repartition(5)
        got = {r.item_id: r.dedup_index for r in with_dedup_index(frame, ledger).collect()}
        assert got == numbered_by_hand(items, by_hand)
        for item, index in got.items():
            changes.append((1, item, f"{items[item]}#{index}" if index else items[item]))
            changes.append((2, item, "9-9#5"))


def test_staged_rows_print_their_id_and_prefixes(spark: SparkSession) -> None:
    """The printed ID carries the index behind #, the prefixes never do."""
    schema = "codebook_version int, item_id string, codes array<int>, content_hash string"
    schema += ", quantization_error float, dedup_index int"
    frame = spark.createDataFrame([(1, "a", [1, 22, 3], "h", 0.5, 2), (1, "b", [0, 0, 0], "h", 0.5, 0)], schema)
    rows = to_staged(frame, "run", date(2026, 1, 1)).orderBy("item_id").collect()
    assert [(r.semantic_id, r.prefixes) for r in rows] == [
        ("1-22-3#2", ["1", "1-22", "1-22-3"]),
        ("0-0-0", ["0", "0-0", "0-0-0"]),
    ]


def test_common_prefix_counts_equal_leading_codes(spark: SparkSession) -> None:
    """Known answers, one of them with codes of different length and one null."""
    from semid.tables.intervals import common_prefix

    cases = [
        ([1, 2, 3], [1, 2, 4], 2),
        ([1, 2], [1, 2], 2),
        ([5], [6], 0),
        (None, [1], 0),
        ([1, 2], [1, 2, 3], 2),
    ]
    frame = spark.createDataFrame([(a, b, n) for a, b, n in cases], "a array<int>, b array<int>, n int")
    assert frame.where(common_prefix("a", "b") != F.col("n")).collect() == []
