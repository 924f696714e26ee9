"""The arrivals' vectors, added up by Spark."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from semid.frames.vectors import to_matrix
from semid.measure.shift import VectorSums

_SUMS = "missing bigint, rows bigint, total array<double>, norms double"


def sum_vectors(staged: DataFrame, embeddings: DataFrame) -> VectorSums:
    """Return the sums over the vectors of the distinct contents of the staged rows.

    One row per Arrow batch reaches the driver: 100 for a million contents.

    Args:
        staged: Rows of semantic_id_staged of one codebook version.
        embeddings: item_embedding of the version's model.
    """
    vectors = embeddings.select("content_hash", "embedding")
    contents = staged.select("content_hash").distinct().join(vectors, "content_hash", "left")
    parts = contents.select("embedding").mapInArrow(_added, _SUMS).collect()
    missing, rows, norms = (sum(part[name] for part in parts) for name in ("missing", "rows", "norms"))
    total = np.array([part.total for part in parts if part.rows], np.float64).sum(axis=0)
    return VectorSums(missing, rows, total, norms)


def _added(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        vectors = batch.column("embedding").drop_null()
        x = to_matrix(vectors).astype(np.float64)
        norms = float(np.sqrt(np.einsum("ij,ij->i", x, x)).sum())
        total = pa.array([x.sum(axis=0)], pa.list_(pa.float64()))
        columns = [pa.array([batch.num_rows - len(x)]), pa.array([len(x)]), total, pa.array([norms])]
        yield pa.RecordBatch.from_arrays(columns, names=["missing", "rows", "total", "norms"])
