"""Residual k-means across the cluster: every level's Lloyd iterations as sums over partitions.

MapReduce k-means: Zhao, Ma, He, "Parallel k-means clustering based on MapReduce", CloudCom 2009. Rows become whole
numbers before they are added, so that sums do not depend on their order: other partitions, executors or attempts
give the same codebook, byte for byte.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from semid.frames.vectors import to_lists, to_matrix
from semid.quantize.base import Codebook, Floats, Progress, check_enough, check_warm_start
from semid.quantize.distance import nearest
from semid.quantize.kmeans import KmeansParams, kmeans
from semid.quantize.rkmeans import RkmeansCodebook

log = logging.getLogger(__name__)

_PARTIAL = "code int, rows bigint, error bigint, sums array<bigint>, far_error bigint, far array<float>"
LARGEST = 4
"""No residual of a unit vector is that long: each level takes away the nearest centroid."""


class Cluster(NamedTuple):
    """What rows of one cluster add up to.

    Attributes:
        code: Its number.
        rows: Their number.
        error: Their squared distances from the centroid, in units.
        sums: (d,) their sum, in units.
        far_error: The largest of the distances, in units.
        far: (d,) the row that has it; of several the first by its entries.
    """

    code: int
    rows: int
    error: int
    sums: NDArray[np.int64]
    far_error: int
    far: Floats


@dataclass(frozen=True)
class SparkRkmeansQuantizer:
    """Fits residual k-means to vectors on a cluster, started on a sample that one machine holds.

    Args:
        vectors: A column `embedding` of unit vectors to train on; read once per iteration.
        rows: Their number, or more; it decides how finely sums count (in 2^-27 for a billion).
        sizes: Codes per level.
        params: How each level is fitted. `tolerance` ends a level when the error falls by no more than this share.
        progress: Called after each level with its number and the `error` left per row.
    """

    vectors: DataFrame
    rows: int
    sizes: tuple[int, ...]
    params: KmeansParams = field(default_factory=KmeansParams)
    progress: Progress | None = None

    def fit(
        self,
        x: Floats,
        rng: np.random.Generator,  # noqa: ARG002  part of the protocol
        warm_start: Codebook | None = None,
    ) -> RkmeansCodebook:
        """Return centroids fitted to `vectors`.

        Args:
            x: A sample (n, d) of them: each level starts as k-means on what it has left there.
            rng: Not used, as by `RkmeansQuantizer`.
            warm_start: Gives each level its first centroids instead.

        Raises:
            ValueError: See `base.Quantizer.fit`.
        """
        check_enough(x, self.sizes)
        if warm_start is not None:
            check_warm_start(warm_start, RkmeansCodebook.kind, self.sizes, x.shape[1])
        params = self.params if warm_start is None else self.params.warm()
        residual, levels = x, tuple[Floats, ...]()
        for level, size in enumerate(self.sizes):
            start = kmeans(residual, size, params) if warm_start is None else warm_start.centroids[level]
            centroids, error = self._level(levels, start, params)
            levels = (*levels, centroids)
            residual = residual - centroids[nearest(residual, centroids)]
            if self.progress:
                self.progress(level + 1, {"error": error})
        return RkmeansCodebook(levels)

    def _level(self, above: tuple[Floats, ...], start: Floats, params: KmeansParams) -> tuple[Floats, float]:
        """Return one level's centroids below `above`, and the mean squared error that they were moved at."""
        unit, centroids, before = unit_of(self.rows), start, np.inf
        for _ in range(params.iterations):
            clusters = to_clusters(self.vectors, (*above, centroids), unit)
            centroids = moved(centroids, clusters, unit)
            error = sum(c.error for c in clusters) * unit / sum(c.rows for c in clusters)
            if error >= before * (1 - params.tolerance):
                break
            before = error
        return centroids, float(error)


def unit_of(rows: int) -> float:
    """Return the unit in which entries up to `LARGEST` of so many rows, and of one more bit, add up within an int64."""
    return 2.0 ** (int(np.ceil(np.log2(rows + 1))) + 2 * int(np.log2(LARGEST)) - 62)


def to_clusters(vectors: DataFrame, levels: tuple[Floats, ...], unit: float) -> list[Cluster]:
    """Return what the clusters of the last level add up to; empty ones are absent.

    Partial sums are added where they are, code by code, so that the driver gets one row per code.

    Args:
        vectors: `embedding`.
        levels: Centroids (size, d), coarse to fine.
        unit: Of the sums.
    """
    shared = vectors.sparkSession.sparkContext.broadcast(levels)

    def partial(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        found: dict[int, Cluster] = {}
        for batch in batches:
            if batch.num_rows:
                for cluster in clusters_of(to_matrix(batch.column("embedding")), shared.value, unit):
                    found[cluster.code] = added(found.get(cluster.code), cluster)
        if found:
            yield _to_batch(list(found.values()))

    def whole(table: pa.Table) -> pa.Table:
        total: Cluster | None = None
        for cluster in _from_table(table):
            total = added(total, cluster)
        assert total is not None, "a group has a row"
        return pa.Table.from_batches([_to_batch([total])])

    try:
        parts = vectors.select("embedding").mapInArrow(partial, _PARTIAL)
        return sorted(_from_table(parts.groupBy("code").applyInArrow(whole, _PARTIAL).toArrow()))
    finally:
        shared.destroy()


def clusters_of(x: Floats, levels: tuple[Floats, ...], unit: float) -> Iterator[Cluster]:
    """Yield what the rows of `x` (n, d) add up to in each cluster of the last level that has any.

    Raises:
        ValueError: A residual has an entry beyond `LARGEST`.
    """
    for centroids in levels[:-1]:
        x = x - centroids[nearest(x, centroids)]
    codes = nearest(x, levels[-1])
    difference = np.subtract(x, levels[-1][codes], dtype=np.float64)
    errors = _in_units(np.einsum("ij,ij->i", difference, difference), unit)
    entries = _in_units(x, unit)
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        far = x[rows[errors[rows] == errors[rows].max()]]
        first = far[np.lexsort(far.T[::-1])[0]]
        yield Cluster(
            int(codes[rows[0]]), len(rows), int(errors[rows].sum()), entries[rows].sum(axis=0),
            int(errors[rows].max()), first,
        )  # fmt: skip


def added(a: Cluster | None, b: Cluster) -> Cluster:
    """Return what the rows of both add up to, the same in any order."""
    if a is None:
        return b
    farthest = max(a, b, key=lambda c: (c.far_error, [-entry for entry in c.far.tolist()]))
    return Cluster(
        a.code, a.rows + b.rows, a.error + b.error, a.sums + b.sums, farthest.far_error, farthest.far
    )  # fmt: skip


def moved(centroids: Floats, clusters: list[Cluster], unit: float) -> Floats:
    """Return the centroids (k, d) at the means of their rows, and empty ones on the farthest row of a bad cluster.

    As `kmeans.revive_empty`: clusters are taken by their summed error, worst first, one revival each.
    """
    means = centroids.copy()
    for cluster in clusters:
        means[cluster.code] = cluster.sums * unit / cluster.rows
    empty = np.setdiff1d(np.arange(len(centroids)), [cluster.code for cluster in clusters])
    worst = sorted((c for c in clusters if c.error), key=lambda c: (-c.error, c.code))
    for code, cluster in zip(empty, worst, strict=False):
        means[code] = cluster.far
    return means


def _in_units(values: NDArray[np.floating], unit: float) -> NDArray[np.int64]:
    if values.size and np.abs(values).max() > LARGEST**2:
        raise ValueError(f"an entry or squared error of {np.abs(values).max():.3g}: these are no unit vectors")
    units: NDArray[np.int64] = np.rint(values * (1 / unit)).astype(np.int64)
    return units


def _to_batch(clusters: list[Cluster]) -> pa.RecordBatch:
    code, rows, error, sums, far_error, far = zip(*clusters, strict=True)
    columns = [
        pa.array(code, pa.int32()), pa.array(rows, pa.int64()), pa.array(error, pa.int64()), to_lists(np.array(sums)),
        pa.array(far_error, pa.int64()), to_lists(np.array(far, np.float32)),
    ]  # fmt: skip
    return pa.RecordBatch.from_arrays(columns, names=list(Cluster._fields))


def _from_table(table: pa.Table) -> list[Cluster]:
    if not table.num_rows:
        return []
    whole = table.combine_chunks()
    vectors = {name: whole.column(name).combine_chunks() for name in ("sums", "far")}
    sums = vectors["sums"].flatten().to_numpy().reshape(table.num_rows, -1)
    numbers = (whole.column(name).to_pylist() for name in ("code", "rows", "error", "far_error"))
    rows = zip(*numbers, sums, to_matrix(vectors["far"]), strict=True)
    return [Cluster(code, n, error, total, far_error, far) for code, n, error, far_error, total, far in rows]
