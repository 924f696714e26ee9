"""Whether the codebook still gives the codes that are published: a sample of them is computed again."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.frames.vectors import to_codes, to_matrix
from semid.quantize.codebook import from_bytes
from semid.quantize.hysteresis import keep_codes
from semid.tables.registry import StoredCodebook

SAMPLE = 2_000
"""Contents that are looked at, about: a codebook with one wrong row in 256 shows with 99.96 % probability."""


def count_unreproduced(
    current: DataFrame, embeddings: DataFrame, stored: StoredCodebook, items: int
) -> tuple[int, int]:
    """Return how many sampled contents were looked at, and how many the codebook would give other codes today.

    Codes that a retrain kept although others are nearer count as reproduced while they are within its tolerance.

    Args:
        current: Open rows of the version.
        embeddings: item_embedding.
        stored: The version.
        items: Number of rows of `current`, about.
    """
    sampled = F.pmod(F.xxhash64("content_hash"), F.lit(math.ceil(items / SAMPLE) or 1)) == 0
    published = current.where(sampled).select("content_hash", "codes").distinct()
    vectors = embeddings.where((F.col("model") == stored.model) & sampled).select("content_hash", "embedding")
    shared, tolerance = current.sparkSession.sparkContext.broadcast(stored.artifact), stored.tolerance

    def compare(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        codebook = from_bytes(shared.value)
        for batch in batches:
            if batch.num_rows:
                codes = to_codes(batch.column("codes"), len(codebook.sizes))
                kept = keep_codes(to_matrix(batch.column("embedding")), codebook, codes, tolerance).kept
                counts = [pa.array([len(kept)]), pa.array([int(np.count_nonzero(~kept))])]
                yield pa.RecordBatch.from_arrays(counts, names=["looked", "other"])

    both = published.join(vectors, "content_hash").select("codes", "embedding")
    parts = both.mapInArrow(compare, "looked bigint, other bigint").collect()
    return sum(part.looked for part in parts), sum(part.other for part in parts)
