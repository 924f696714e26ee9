"""The arrivals' vectors, added up by Spark."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from semid.frames.vectors import to_matrix
from semid.measure.shift import VectorSums

_SUMS = "rows bigint, total array<double>, norms double"


def sum_vectors(staged: DataFrame, embeddings: DataFrame) -> VectorSums:
    """Return the sums over the vectors of the distinct contents of the staged rows.

    One row per Arrow batch reaches the driver: 100 for a million contents.

    Args:
        staged: Rows of semantic_id_staged of one codebook version.
        embeddings: item_embedding of the version's model.
    """
    contents = staged.select("content_hash").distinct()
    missing = contents.join(embeddings, "content_hash", "left_anti").count()
    # Their side is the small one of a night; kept from the left, all vectors were moved (12 s of a million's night).
    vectors = embeddings.join(contents, "content_hash", "left_semi").select("embedding")
    parts = vectors.mapInArrow(_added, _SUMS).collect()
    rows, norms = (sum(part[name] for part in parts) for name in ("rows", "norms"))
    total = np.array([part.total for part in parts], np.float64).sum(axis=0)
    return VectorSums(missing, rows, total, norms)


def _added(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if not batch.num_rows:
            continue
        x = to_matrix(batch.column("embedding")).astype(np.float64)
        norms = float(np.sqrt(np.einsum("ij,ij->i", x, x)).sum())
        total = pa.array([x.sum(axis=0)], pa.list_(pa.float64()))
        yield pa.RecordBatch.from_arrays(
            [pa.array([len(x)]), total, pa.array([norms])], names=["rows", "total", "norms"]
        )
