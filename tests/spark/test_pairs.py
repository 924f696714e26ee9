"""Pairs of items on their way to the training: files into rows of the sample."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from semid.config import CodebookConfig, load_config
from semid.errors import ConfigError, InputRefused
from semid.frames.pairs import PairCounts, collect_pairs_of, count_pairs, pairs_fingerprint, read_pairs, to_located

ITEMS = [("i0", "c2"), ("i1", "c0"), ("i2", "c1"), ("i3", "c1"), ("i4", "c9")]  # c9 is outside the sample
ROWS = [
    ("i0", "i1", 1.0),  # contents c2 and c0: rows 2 and 0
    ("i1", "i0", 0.5),  # the same pair
    ("i2", "i0", 2.0),
    ("i2", "i3", 1.0),  # one content
    ("i4", "i0", 1.0),
    ("i0", "gone", 1.0),
    (None, "i0", 1.0),
    ("i0", "i1", 0.0),
    ("i0", "i1", float("nan")),
]


@pytest.fixture(scope="module")
def sample(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(
        [("c1", [0.0]), ("c0", [0.0]), ("c2", [0.0])], "content_hash string, embedding array<float>"
    )


@pytest.fixture(scope="module")
def items(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(ITEMS, "item_id string, content_hash string")


def settings(path: Path | None, *more: str) -> CodebookConfig:
    given = [] if path is None else [f"codebook.pairs={path}"]
    return load_config(None, [*given, *more]).codebook


def parquet(
    folder: Path, rows: list[tuple[object, ...]], columns: tuple[str, ...] = ("item_id_a", "item_id_b", "weight")
) -> Path:
    file = folder / "pairs.parquet"
    pd.DataFrame(rows, columns=list(columns)).to_parquet(file)
    return file


def test_pairs_become_rows_of_the_sample_and_the_rest_is_counted(spark, sample, items, tmp_path):
    """Either direction and every order of the rows give the same."""
    for rows in (ROWS, ROWS[::-1]):
        given = settings(parquet(tmp_path, rows))
        pairs = collect_pairs_of(spark, given, sample.repartition(3), items)
        assert pairs.rows.tolist() == [[0, 2], [1, 2]]
        assert pairs.weight.tolist() == [1.5, 2.0]
    counts = count_pairs(to_located(read_pairs(spark, given), items, sample))
    assert counts == PairCounts(read=9, unknown=2, weightless=2, outside=1, alike=1)


def test_a_delta_table_without_weights_counts_every_row_once(spark, sample, items, tmp_path):
    frame = spark.createDataFrame([("i0", "i1"), ("i0", "i1"), ("i0", "i2")], "item_id_a string, item_id_b string")
    frame.write.format("delta").save(str(tmp_path / "pairs"))
    pairs = collect_pairs_of(spark, settings(tmp_path / "pairs"), sample, items)
    assert (pairs.rows.tolist(), pairs.weight.tolist()) == ([[0, 2], [1, 2]], [2.0, 1.0])


def test_without_pairs_there_are_none(spark, sample, items):
    assert collect_pairs_of(spark, settings(None), sample, items) is None
    assert pairs_fingerprint(spark, settings(None)) == ""


def test_what_the_pairs_hold_makes_their_fingerprint(spark, tmp_path):
    first = pairs_fingerprint(spark, settings(parquet(tmp_path, ROWS)))
    second = pairs_fingerprint(spark, settings(parquet(tmp_path, ROWS[1:])))
    assert len({first, second, ""}) == 3
    assert pairs_fingerprint(spark, settings(tmp_path / "nowhere.parquet")) == ""


def test_pairs_that_cannot_be_used_are_refused(spark, sample, items, tmp_path):
    missing = tmp_path / "nowhere.parquet"
    with pytest.raises(InputRefused, match="does not exist") as refused:
        collect_pairs_of(spark, settings(missing), sample, items)
    assert refused.value.where == f"codebook.pairs: {missing}"
    wrong = parquet(tmp_path, [("i0", "x")], ("item_id_a", "weight"))
    with pytest.raises(InputRefused, match="no column item_id_b, there are item_id_a, weight; weight is string"):
        collect_pairs_of(spark, settings(wrong), sample, items)
    strangers = parquet(tmp_path, [("x", "y", 1.0)])
    with pytest.raises(InputRefused, match=r"no pair names two contents .* unknown: 1"):
        collect_pairs_of(spark, settings(strangers), sample, items)
    (tmp_path / "pairs.csv").write_text("item_id_a,item_id_b\ni0,i1\n")
    with pytest.raises(InputRefused, match="neither Parquet nor Delta; found csv"):
        collect_pairs_of(spark, settings(tmp_path / "pairs.csv"), sample, items)


def test_a_kind_that_cannot_learn_from_pairs_refuses_before_reading_them(spark, sample, items, tmp_path):
    given = settings(tmp_path / "nowhere.parquet", "codebook.kind=rkmeans")
    with pytest.raises(ConfigError, match="of kind rkmeans cannot learn from pairs"):
        collect_pairs_of(spark, given, sample, items)
