"""The training sample: the same contents whatever the order and partitioning of the table."""

from __future__ import annotations

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.frames.vectors import to_matrix
from semid.quantize.base import Floats


def only_sample(embeddings: DataFrame, rows: int, salt: str) -> DataFrame:
    """Return at most `rows` contents, chosen by a hash of content and salt.

    `DataFrame.sample` with a seed gives other rows after a repartition; the smallest hashes do not.
    """
    order = F.xxhash64("content_hash", F.lit(salt))
    return embeddings.orderBy(order, "content_hash").limit(rows).select("content_hash", "embedding")


def collect_sample(sample: DataFrame) -> Floats:
    """Return the sample's vectors (n, d), sorted by content hash. The sample is bounded; nothing else is collected."""
    table = sample.toArrow()
    order = np.argsort(np.array(table.column("content_hash").to_pylist()))
    return to_matrix(table.column("embedding").combine_chunks())[order]
