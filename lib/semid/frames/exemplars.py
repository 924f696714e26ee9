"""The items that show best what a prefix means: those nearest the mean of its vectors."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from semid.frames.labels import nodes
from semid.frames.vectors import to_matrix
from semid.quantize.base import Floats

SAMPLE = 256
"""Contents of a prefix that its mean is taken over, and that exemplars are chosen from: 0.4 MB of 384-d vectors."""


def to_exemplars(members: DataFrame, vectors: DataFrame, sizes: DataFrame, most: int) -> DataFrame:
    """Return (prefix, exemplars): up to `most` items, nearest first, one per content (the lowest id), ties by id.

    The mean of the vectors, not the stored quantization error: that is the error of the whole ID, and at level 1 the
    item nearest the decoded prefix need not be typical for the items that have it. A prefix with more than
    `SAMPLE` contents is represented by those with the smallest hashes, so that no task holds a whole code.

    Args:
        members: From `to_members`.
        vectors: (content_hash, embedding) of the codebook's model.
        sizes: (prefix) of the prefixes that get exemplars.
        most: Number of exemplars.
    """
    contents = members.groupBy("content_hash", "prefixes").agg(F.min("item_id").alias("item_id"))
    placed = contents.select("content_hash", "item_id", F.inline(nodes())).join(sizes.select("prefix"), "prefix")
    by_hash = Window.partitionBy("prefix").orderBy(F.xxhash64("content_hash"), "content_hash")
    drawn = placed.withColumn("rank", F.row_number().over(by_hash)).where(F.col("rank") <= SAMPLE)
    shown = drawn.select("prefix", "content_hash", "item_id").join(vectors, "content_hash")

    def nearest(key: tuple[pa.Scalar, ...], table: pa.Table) -> pa.Table:
        table = table.sort_by("item_id")
        order = nearest_the_mean(to_matrix(table.column("embedding").combine_chunks()))[:most]
        items = [table.column("item_id")[int(i)].as_py() for i in order]
        return pa.table({"prefix": [key[0].as_py()], "exemplars": [items]})

    rows = shown.select("prefix", "item_id", "embedding").groupBy("prefix")
    return rows.applyInArrow(nearest, "prefix string, exemplars array<string>")


def nearest_the_mean(x: Floats) -> NDArray[np.int64]:
    """Return the rows of `x` (n, d) by their distance to its mean, of equals the first one first.

    Added up in float64 and compared to nine digits, so that the order of the sum cannot decide.
    """
    wide = x.astype(np.float64)
    away = wide - wide.mean(axis=0)
    squares = np.einsum("ij,ij->i", away, away)
    return np.argsort(np.round(squares, 9), kind="stable")
