"""What is counted of codes in Spark, against pandas; and files of codes that are refused."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from semid.errors import ConfigError, InputRefused
from semid.frames import evaluated
from semid.frames.foreign_codes import read_pairs, to_foreign_codes
from semid.measure.codes import collision_rate

ROWS = 60


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Sixty items of about forty texts; items of one text may have different codes, as in a re-assigned table."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"item_id": [f"i{n:02}" for n in range(ROWS)], "text": rng.integers(40, size=ROWS)})
    rows["content_hash"] = "t" + rows.text.astype(str)
    rows["codes"] = rng.integers(4, size=(ROWS, 2)).tolist()
    rows["slice"] = np.array(["head", "mid", "tail"])[rng.integers(3, size=ROWS)]
    return rows


@pytest.fixture(scope="module")
def items(spark: SparkSession, table: pd.DataFrame) -> DataFrame:
    schema = "item_id string, codes array<int>, content_hash string, category array<string>, slice string"
    rows = [(r.item_id, r.codes, r.content_hash, ["a", r.item_id], r.slice) for r in table.itertuples()]
    return spark.createDataFrame(rows[::-1], schema).repartition(5).cache()


def test_buckets_and_levels_are_pandas_counts(items: DataFrame, table: pd.DataFrame) -> None:
    """Sizes of the buckets, how many of each slice they hold, and texts (first item each) per code of each level."""
    sizes, held = evaluated.bucket_sizes(items)
    bucket = table.groupby(table.codes.map(tuple)).item_id.transform("size")
    expected = table.groupby(bucket).size()
    assert sizes.size.tolist() == expected.index.tolist()
    assert (sizes.size * sizes.buckets).tolist() == expected.tolist()
    by_slice = table.groupby([bucket, "slice"]).size().unstack(fill_value=0)
    assert {part: counts.tolist() for part, counts in held.items()} == {p: by_slice[p].tolist() for p in held}
    first = table.sort_values("item_id").drop_duplicates("content_hash")
    counts = evaluated.level_counts(evaluated.to_contents(items), (6,))
    codes = np.array(first.codes.tolist())
    assert counts[0].tolist() == np.bincount(codes[:, 0], minlength=6).tolist()
    assert counts[1].tolist() == np.bincount(codes[:, 1]).tolist()
    texts, _ = evaluated.bucket_sizes(evaluated.to_contents(items))
    assert texts.collision_rate == pytest.approx(collision_rate(codes))


def test_the_sample_is_bounded_and_the_same_in_any_order(spark: SparkSession, items: DataFrame) -> None:
    """Smallest hashes first, cut at the bound; rows, codes and vectors stay together; complete only when all fit."""
    contents = evaluated.to_contents(items)
    hashes = sorted(row.content_hash for row in contents.collect())
    vectors = spark.createDataFrame(
        [(h, [float(h[1:]), 1.0]) for h in hashes], "content_hash string, embedding array<float>"
    )
    whole = evaluated.collect_sample(contents, vectors, 100, "s")
    part = evaluated.collect_sample(contents.orderBy("content_hash").coalesce(1), vectors.repartition(3), 10, "s")
    assert (whole.complete, part.complete) == (True, False)
    assert (len(whole.x), len(part.x)) == (len(hashes), 10)
    np.testing.assert_array_equal(part.x, whole.x[:10])
    np.testing.assert_array_equal(part.codes, whole.codes[:10])
    codes = {float(row.content_hash[1:]): row.codes for row in contents.collect()}
    assert whole.codes.tolist() == [codes[number] for number in whole.x[:, 0]]
    assert part.paths == whole.paths[:10]
    assert evaluated.collect_sample(contents, vectors, 100, "t").x.tolist() != whole.x.tolist()


def test_pairs_are_counted_as_by_hand(spark: SparkSession, items: DataFrame, table: pd.DataFrame) -> None:
    """Every pair's shared prefix, and all left-right combinations one by one; pairs with unknown items do not count."""
    pairs = [(f"i{a:02}", f"i{b:02}") for a, b in combinations(range(8), 2)]
    frame = spark.createDataFrame([*pairs, ("i00", "nobody")], "left string, right string")
    found = evaluated.pair_counts(items, frame, 2)
    codes = dict(zip(table.item_id, table.codes, strict=True))
    shared = [sum(codes[a][:d] == codes[b][:d] for a, b in pairs) for d in (1, 2)]
    across = [sum(codes[a][:d] == codes[b][:d] for a, _ in pairs for _, b in pairs) for d in (1, 2)]
    assert (found.pairs, found.shared.tolist(), found.across.tolist()) == (28, shared, across)


def test_slices_follow_the_interactions(spark: SparkSession) -> None:
    """One item makes half of all interactions, two make four fifths; an unvisited one is tail, an inactive one out."""
    row = "item_id string, is_active boolean, content_hash string, category array<string>"
    names = ["a", "b", "c", "d", "gone"]
    catalog = spark.createDataFrame([(n, n != "gone", f"t{n}", None) for n in names], row)
    ids = spark.createDataFrame([(n, [1]) for n in [*names, "unlisted"]], "item_id string, codes array<int>")
    visited = spark.createDataFrame([("a", 50), ("b", 30), ("c", 20)], "item_id string, interactions bigint")
    found = {r.item_id: r.slice for r in evaluated.to_items(ids, catalog, visited).collect()}
    assert found == {"a": "head", "b": "mid", "c": "tail", "d": "tail"}
    assert evaluated.coverage(ids.where("item_id <> 'b'"), catalog) == (1, 2)


def test_codes_as_columns_and_cut_short(spark: SparkSession) -> None:
    """level_1, level_2, ... in the order of their numbers; the first levels on request."""
    levels = [f"level_{n}" for n in (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)]
    table = spark.createDataFrame([("a", *range(10))], ["item_id", *levels])
    assert to_foreign_codes(table, None, None).collect()[0].codes == list(range(9, -1, -1))
    assert to_foreign_codes(table, None, 2).collect()[0].codes == [9, 8]


def test_a_file_with_several_tables_needs_a_name(spark: SparkSession) -> None:
    """The names are listed; one of them chooses its rows, another is refused, a single one needs no choice."""
    table = spark.createDataFrame([("a", [1], "x"), ("a", [2], "y")], ["item_id", "codes", "source"])
    assert [row.codes for row in to_foreign_codes(table, "y", None).collect()] == [[2]]
    assert [row.codes for row in to_foreign_codes(table.where("source = 'x'"), None, None).collect()] == [[1]]
    for wrong in (None, "z"):
        with pytest.raises(ConfigError, match="source: x; source: y"):
            to_foreign_codes(table, wrong, None)


def test_an_unsound_table_is_refused_with_every_reason(spark: SparkSession) -> None:
    rows = [("a", [1, 2]), ("a", [1, 3]), ("b", [1]), ("c", None), ("d", [-1, 0]), (None, [0, 0])]
    table = spark.createDataFrame(rows, "item_id string, codes array<int>")
    with pytest.raises(InputRefused) as refused:
        to_foreign_codes(table, None, 2)
    assert refused.value.problems == (
        "rows without item_id: 1",
        "rows whose codes are missing or outside 0 to 1048575: 2",
        "repeated item_ids: 1",
        "rows with fewer than 2 codes: 1",
        "codes of 1 to 2 levels",
    )
    with pytest.raises(InputRefused, match="no table of IDs"):
        to_foreign_codes(table.withColumnRenamed("codes", "level_2"), None, None)


def test_pairs_are_distinct_and_of_two_items(spark: SparkSession) -> None:
    """Any two columns; of more, those called item_id_a and item_id_b."""
    rows = [("a", "b", 1), ("a", "b", 2), ("c", "c", 3)]
    table = spark.createDataFrame(rows, "item_id_a string, item_id_b string, score int")
    assert [tuple(row) for row in read_pairs(table).collect()] == [("a", "b")]
    assert read_pairs(table.select("item_id_b", "item_id_a")).collect()[0].left == "a"
    with pytest.raises(InputRefused, match="which two columns"):
        read_pairs(table.withColumnRenamed("item_id_b", "other"))
