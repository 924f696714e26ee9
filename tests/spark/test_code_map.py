"""Which old codes new codes took over: known answers."""

from __future__ import annotations

from pyspark.sql import SparkSession

from semid.frames.code_map import to_code_map


def test_weights_and_purity_with_the_smallest_pairs_left_out(spark: SparkSession) -> None:
    """New code 0 holds 150 items of old 0 and one each of old 1 and 2 (below 1 %), new code 1 six of old 2."""
    pairs = [(0, 0)] * 150 + [(1, 0), (2, 0)] + [(2, 1)] * 6
    old = [(f"i{n}", [a]) for n, (a, _) in enumerate(pairs)] + [("left", [7])]
    new = [(f"i{n}", [b, 5]) for n, (_, b) in enumerate(pairs)] + [("came", [9, 5])]
    schema = "item_id string, codes array<int>"
    rows = to_code_map(spark.createDataFrame(old, schema), spark.createDataFrame(new, schema)).collect()
    assert sorted(map(tuple, rows)) == [(1, 0, 0, 150, 150 / 152), (1, 2, 1, 6, 1.0)]


def test_the_heaviest_pair_stays_however_small_its_share(spark: SparkSession) -> None:
    """A new code made of 200 old ones keeps one pair, that of the lowest old code among equals."""
    old = [(f"i{n}", [n]) for n in range(200)]
    new = [(f"i{n}", [3]) for n in range(200)]
    schema = "item_id string, codes array<int>"
    rows = to_code_map(spark.createDataFrame(old, schema), spark.createDataFrame(new, schema)).collect()
    assert list(map(tuple, rows)) == [(1, 0, 3, 1, 1 / 200)]
