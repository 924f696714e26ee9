"""k-means: seeds by splitting along principal directions, then Lloyd's iterations.

Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28, 1982. Seeding: PCA-Part of Su and Dy, "In
search of deterministic methods for initializing k-means and Gaussian mixture clustering", Intelligent Data Analysis
11, 2007.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Self

import numpy as np
from numpy.typing import NDArray

from semid.quantize.base import Codes, Floats
from semid.quantize.distance import nearest


@dataclass(frozen=True)
class KmeansParams:
    """How long to look.

    Args:
        iterations: Most passes over the data.
        warm_iterations: Most passes from a warm start. Beauty and Tate, 4,000 items grown by a fifth, 3 x 64 codes,
            hysteresis of 0.1: with 1 pass 1.3 % of IDs move and the error is 1.2 % above a cold refit, with 3 passes
            10 % and 0.9 %.
        tolerance: Stop when no more than this share of rows changed cluster.
    """

    iterations: int = 15
    warm_iterations: int = 1
    tolerance: float = 1e-3

    def __post_init__(self) -> None:
        if min(self.iterations, self.warm_iterations) < 1 or not 0 <= self.tolerance < 1:
            raise ValueError(f"iterations start at 1, tolerance is in [0, 1): {self}")

    def warm(self) -> Self:
        """Return these with `warm_iterations` for `iterations`."""
        return replace(self, iterations=self.warm_iterations)


def kmeans(x: Floats, k: int, params: KmeansParams, init: Floats | None = None) -> Floats:
    """Return k centroids (k, d) of the rows of `x` (n, d).

    Nothing is random, assignments do not depend on rounding (`distance.nearest`) and sums are taken in row order,
    so the same rows in the same order give the same bytes. `init` (k, d) replaces the seeding: centroid i is then
    the descendant of `init[i]`, unless that lost all its rows.
    """
    centroids = seed_centroids(x, k) if init is None else init.astype(np.float32)
    codes = nearest(x, centroids)
    for _ in range(params.iterations):
        centroids = revive_empty(x, codes, cluster_means(x, codes, centroids))
        before, codes = codes, nearest(x, centroids)
        if np.mean(codes != before) <= params.tolerance:
            break
    return centroids


def seed_centroids(x: Floats, k: int) -> Floats:
    """Return the means (k, d) of k groups of rows: always the group with the largest squared error is cut in two.

    Residuals of dense clusters are tiny, and seeds that are rows spend themselves on outliers: 3 levels of 256
    on 10,800 MiniLM vectors, relative error on held-out rows, perplexities, items sharing codes: k-means++ (7
    candidates) .410, 215/130/100, 12.3 %; random rows .425, 198/105/60, 15 %; this one .415, 229/226/236, 9.7 %.
    With fewer than k distinct rows, seeds repeat.
    """
    groups = [_group(x, np.arange(len(x)))]
    while len(groups) < k and groups[0][0] < 0:
        rows = heappop(groups)[2]
        along = _widest_projection(x[rows])
        cut = int(np.clip(np.count_nonzero(along < 0), 1, len(rows) - 1))
        order = rows[np.argsort(along, kind="stable")]
        for half in (order[:cut], order[cut:]):
            heappush(groups, _group(x, half))
    means = np.array([x[rows].mean(axis=0, dtype=np.float64) for *_, rows in groups], np.float32)
    return means[np.arange(k) % len(means)]


def _group(x: Floats, rows: NDArray[np.intp]) -> tuple[float, int, NDArray[np.intp]]:
    """Return minus the squared error of some rows of `x` around their mean, the first row (a tie break), the rows."""
    members = x[rows]
    return -float(np.square(members - members.mean(axis=0, dtype=np.float64)).sum()), int(rows[0]), rows


def _widest_projection(x: Floats) -> Floats:
    """Return (n,) `x` (n, d) along its first principal direction, by 6 power iterations from the farthest row.

    einsum without `optimize` calls no BLAS, whose sums change with the number of threads.
    """
    centred = x - x.mean(axis=0, dtype=np.float64).astype(np.float32)
    along: Floats = np.einsum("ij,ij->i", centred, centred)
    direction = centred[along.argmax()]
    for _ in range(6):
        direction = direction / max(float(np.linalg.norm(direction)), 1e-30)
        along = np.einsum("ij,j->i", centred, direction)
        direction = np.einsum("ij,i->j", centred, along)
    return along


def cluster_means(x: Floats, codes: Codes, centroids: Floats) -> Floats:
    """Return (k, d) the mean of each cluster's rows; a cluster without rows keeps its centroid."""
    means = centroids.copy()
    ends = np.cumsum(np.bincount(codes, minlength=len(centroids)))
    # a slice per cluster: 8 ms for 12,000 x 384 into 256, np.add.reduceat 19 ms
    for code, rows in enumerate(np.split(np.argsort(codes, kind="stable"), ends[:-1])):
        if rows.size:
            means[code] = x[rows].mean(axis=0, dtype=np.float64)
    return means


def revive_empty(x: Floats, codes: Codes, centroids: Floats) -> Floats:
    """Return `centroids` with each empty one moved onto the farthest row of one of the worst clusters.

    Clusters are taken by their summed squared error, worst first, one revival each. Nothing is left to split
    when rows are fewer than centroids or all alike: then the rest stay empty.
    """
    empty = np.flatnonzero(np.bincount(codes, minlength=len(centroids)) == 0)
    if not empty.size:
        return centroids
    errors = np.square(np.subtract(x, centroids[codes], dtype=np.float64)).sum(axis=1)
    totals = np.bincount(codes, weights=errors, minlength=len(centroids))
    worst = np.argsort(-totals, kind="stable")[: empty.size]
    revived = centroids.copy()
    for code, cluster in zip(empty, worst[totals[worst] > 0], strict=False):
        members = np.flatnonzero(codes == cluster)
        revived[code] = x[members[errors[members].argmax()]]
    return revived
