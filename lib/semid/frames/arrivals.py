"""The arrivals' vectors, added up by Spark."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from semid.frames.assign import only_contents_of
from semid.frames.vectors import to_matrix
from semid.measure.shift import VectorSums

_SUMS = "rows bigint, total array<double>, norms double"


def sum_vectors(staged: DataFrame, embeddings: DataFrame, model: str) -> VectorSums:
    """Return the sums over the vectors of the distinct contents of the staged rows.

    One row per Arrow batch reaches the driver: 100 for a million contents.

    Args:
        staged: Rows of semantic_id_staged of one codebook version.
        embeddings: item_embedding.
        model: The version's embedding model.
    """
    parts = only_contents_of(embeddings, staged, model).select("embedding").mapInArrow(_added, _SUMS).collect()
    total = np.array([part.total for part in parts], np.float64).sum(axis=0)
    return VectorSums(sum(part.rows for part in parts), total, sum(part.norms for part in parts))


def _added(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if batch.num_rows:
            x = to_matrix(batch.column("embedding")).astype(np.float64)
            norms = float(np.sqrt(np.einsum("ij,ij->i", x, x)).sum())
            columns = [pa.array([len(x)]), pa.array([x.sum(axis=0)], pa.list_(pa.float64())), pa.array([norms])]
            yield pa.RecordBatch.from_arrays(columns, names=["rows", "total", "norms"])
