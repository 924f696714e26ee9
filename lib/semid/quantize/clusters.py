"""Clusters of rows: who is in them, their means, and how one is cut in two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semid.quantize.base import Codes, Floats

Rows = NDArray[np.intp]


def members(codes: Codes, k: int) -> list[Rows]:
    """Return the rows of each of k clusters, ascending; `codes` (n,) names the cluster of each row."""
    ends = np.cumsum(np.bincount(codes, minlength=k))
    return np.split(np.argsort(codes, kind="stable"), ends[:-1])


def cluster_means(x: Floats, codes: Codes, centroids: Floats) -> Floats:
    """Return (k, d) the mean of each cluster's rows; a cluster without rows keeps its centroid."""
    means = centroids.copy()
    # a slice per cluster: 8 ms for 12,000 x 384 into 256, np.add.reduceat 19 ms
    for code, rows in enumerate(members(codes, len(centroids))):
        if rows.size:
            means[code] = x[rows].mean(axis=0, dtype=np.float64)
    return means


def halves(x: Floats) -> tuple[Rows, Rows]:
    """Return the rows of `x` (n, d), n > 1, on either side of their mean in the widest direction; neither is empty."""
    along = _widest_projection(x)
    cut = int(np.clip(np.count_nonzero(along < 0), 1, len(x) - 1))
    order = np.argsort(along, kind="stable")
    return order[:cut], order[cut:]


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
