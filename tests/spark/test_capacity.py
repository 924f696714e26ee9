"""A limit on the contents of a bucket: who moves, who stays, whatever the order of the rows."""

from __future__ import annotations

import random

import numpy as np
from pyspark.sql import SparkSession

from semid.frames.capacity import within_capacity
from semid.quantize.codebook import to_bytes
from semid.quantize.rkmeans import RkmeansCodebook
from semid.tables.registry import StoredCodebook

TENS = np.array([[0], [10]], np.float32)
ONES = np.array([[0], [1], [2]], np.float32)
CODEBOOK = RkmeansCodebook((TENS, ONES))
STORED = StoredCodebook(1, "m", to_bytes(CODEBOOK), CODEBOOK, 0.0, capacity=1)
NEW = {"a": 0.1, "b": 0.0, "c": 10.9, "d": 12.2, "e": 11.6}
"""Vectors of one dimension. Nearest codes: a, b 0-0; c 1-1; d, e 1-2, of which e is kept at 1-1."""


def moved(spark: SparkSession, given: list[list[int]], seed: int) -> dict[str, tuple[list[int], float]]:
    items = list(NEW)
    random.Random(seed).shuffle(items)
    codes = {item: CODEBOOK.encode(np.array([[NEW[item]]], np.float32))[0].tolist() for item in NEW} | {"e": [1, 1]}
    rows = [(item, codes[item], -1.0, item == "e") for item in items]
    coded = spark.createDataFrame(
        rows, "content_hash string, codes array<int>, quantization_error float, kept boolean"
    ).repartition(3)
    vectors = spark.createDataFrame([(i, [NEW[i]]) for i in items], "content_hash string, embedding array<float>")
    known = spark.createDataFrame(
        [(f"k{n}", one) for n, one in enumerate(given)], "content_hash string, codes array<int>"
    )
    found = within_capacity(coded, vectors, known, STORED).collect()
    return {row.content_hash: (row.codes, round(row.quantization_error, 4)) for row in found}


def test_the_last_code_moves_where_a_bucket_is_full(spark: SparkSession) -> None:
    """By hand. 0-*: b is nearer, a takes 0-1 (.9 off). 1-*: the kept e has 1-1, d has 1-2, c takes 1-0 (.9 off).

    An error of -1 is that of `coded`: prefixes without a crowd are not computed again.
    """
    expected = {
        "a": ([0, 1], 0.81),
        "b": ([0, 0], 0.0),
        "c": ([1, 0], 0.81),
        "d": ([1, 2], 0.04),
        "e": ([1, 1], 0.36),
    }
    assert moved(spark, [], 1) == expected
    assert moved(spark, [], 2) == expected
    three = moved(spark, [[1, 1], [0, 0], [0, 1]], 3)
    assert three["a"][0] == [0, 0], "0-0 and 0-1 are taken and b, nearer, has 0-2: a shares its best bucket"
    assert three["b"] == ([0, 2], 4.0)
    assert three["e"][0] == [1, 2], "1-1 is taken: its next best code"
