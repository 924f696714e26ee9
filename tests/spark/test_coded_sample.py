"""The sample that the gate looks at: which contents, and which of them arrived."""

from __future__ import annotations

import hashlib

from pyspark.sql import SparkSession

from semid.frames.coded_sample import collect_table_sample
from semid.measure.neighbours import SAMPLE, CodedSample
from tests import staged as tiny

CONTENTS = [hashlib.sha256(f"content {n}".encode()).hexdigest() for n in range(24)]
PUBLISHED = [tiny.current_row(f"p{n}", [n % 4, n // 4 % 4], CONTENTS[n]) for n in range(16)]
STAGED = [tiny.staged_row(f"s{n}", [n % 4, n // 4 % 4], CONTENTS[n]) for n in range(12, 24)]
VECTORS = [(CONTENTS[n], [float(n), 1.0]) for n in range(23)]  # the last content has none


def sampled(spark: SparkSession, contents: tuple[int, int], partitions: int = 1) -> CodedSample:
    current, staged = tiny.frame(spark, PUBLISHED, "semantic_id"), tiny.frame(spark, STAGED, "semantic_id_staged")
    vectors = spark.createDataFrame(VECTORS, "content_hash string, embedding array<float>")
    return collect_table_sample(current.repartition(partitions), staged.repartition(partitions), vectors, 2, contents)


def test_a_small_catalog_is_taken_whole_and_each_content_once(spark: SparkSession) -> None:
    """A content may be published and arrive with another item; one without a vector is left out."""
    found = sampled(spark, (24, 12))
    numbers = found.x[:, 0].astype(int).tolist()
    assert sorted(numbers) == list(range(23))
    assert {n for n, new in zip(numbers, found.arrived, strict=True) if new} == set(range(12, 23))
    assert {n for n, known in zip(numbers, found.published, strict=True) if known} == set(range(16))
    assert found.among.all()
    assert found.codes.tolist() == [[n % 4, n // 4 % 4] for n in numbers]


def test_of_a_large_catalog_a_part_is_taken_and_all_of_a_few_arrivals(spark: SparkSession) -> None:
    """One in four contents whatever the partitions, and beside them every arrival, which are no fair sample."""
    found, again = (sampled(spark, (4 * SAMPLE, 12), partitions) for partitions in (1, 5))
    assert found.x.tolist() == again.x.tolist()
    assert {int(n) for n in found.x[found.arrived, 0]} == set(range(12, 23))
    assert 0 < found.among.sum() < 16
    assert (found.arrived | found.among).all()
    assert (found.published & found.among).any()


def test_nothing_published_or_staged_is_an_empty_sample(spark: SparkSession) -> None:
    """The first night of a shadow that is not assigned yet."""
    nobody = tiny.frame(spark, [], "semantic_id")
    vectors = spark.createDataFrame([], "content_hash string, embedding array<float>")
    assert len(collect_table_sample(nobody, nobody, vectors, 2, (0, 0)).codes) == 0
