"""Swaps of centroids: two near clusters become one, and the centroid set free cuts a wide cluster in two.

Lloyd's iterations move centroids a little and never carry one from where there are too many to where there are too few.
Split and merge does: Kaukoranta, Franti, Nevalainen, "Iterative split-and-merge algorithm for vector quantization
codebook generation", Optical Engineering 37, 1998. A merge costs n m / (n + m) times the squared distance of the means
(Ward, "Hierarchical grouping to optimize an objective function", JASA 58, 1963), and a cut gains as much. Both are
exact while the other rows stay where they are, so every swap lowers the squared error.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from semid.quantize.base import Codes, Floats
from semid.quantize.clusters import Rows, halves, members
from semid.quantize.exact import exact_matmul

BLOCK_COSTS = 1 << 22
"""Costs of merges in memory at once: 32 MiB of float64, in a few copies."""


class Cut(NamedTuple):
    """A cluster cut in two: the squared error gained, the cluster's number, and the means (d,) of the halves."""

    gain: float
    cluster: int
    means: tuple[Floats, Floats]


def swapped(x: Floats, codes: Codes, means: Floats) -> tuple[Floats, int]:
    """Return centroids (k, d) after the swaps that pay, and how many those are.

    The cheapest merge goes with the best cut, the next with the next; no cluster takes part in two swaps. Nothing is
    random, and no result depends on the order in which BLAS sums.

    Args:
        x: Rows (n, d).
        codes: Cluster of each row (n,).
        means: Mean of each cluster (k, d).
    """
    groups = members(codes, len(means))
    sizes = np.array([len(rows) for rows in groups], np.float64)
    cuts = sorted((_cut(x, rows, i) for i, rows in enumerate(groups) if len(rows) > 1), key=lambda cut: -cut.gain)
    cuts.reverse()  # the best is last, where it is popped
    costs, partners = cheapest_merges(means, sizes)
    centroids, busy, swaps = means.copy(), set[int](), 0
    for one in np.argsort(costs, kind="stable").tolist():
        other = int(partners[one])
        if one in busy or other in busy:
            continue
        while cuts and cuts[-1].cluster in busy:
            cuts.pop()
        cut = next((cut for cut in reversed(cuts) if cut.cluster not in busy and cut.cluster not in (one, other)), None)
        if cut is None or cut.gain <= costs[one]:
            break
        centroids[other] = _merged(means, sizes, one, other)
        centroids[one], centroids[cut.cluster] = cut.means
        busy |= {one, other, cut.cluster}
        swaps += 1
    return centroids, swaps


def cheapest_merges(means: Floats, sizes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return per cluster (k,) the least squared error that its merge with another one adds, and that other one.

    A cluster without rows is free and merges with itself, so that no other is kept busy; the only one with rows costs
    infinity.

    Args:
        means: Of the clusters (k, d).
        sizes: Rows in each (k,).
    """
    k, empty = len(means), np.flatnonzero(sizes == 0)
    costs, partners = np.empty(k), np.empty(k, np.intp)
    step = max(1, BLOCK_COSTS // k)
    for start in range(0, k, step):
        part = slice(start, min(start + step, k))
        ward = _merge_costs(means, sizes, part)
        ward[np.arange(len(ward)), np.arange(part.start, part.stop)] = np.inf
        ward[:, empty] = np.inf
        partners[part], costs[part] = ward.argmin(axis=1), ward.min(axis=1)
    partners[empty], costs[empty] = empty, 0
    return costs, partners


def _merge_costs(means: Floats, sizes: NDArray[np.float64], part: slice) -> NDArray[np.float64]:
    """Return (m, k) Ward's cost of merging each cluster of `part` with each of all."""
    squares = np.square(means, dtype=np.float64).sum(axis=1)
    apart = squares[part, None] + squares - 2 * exact_matmul(means[part], means.T)
    rows = sizes[part, None]
    costs: NDArray[np.float64] = np.maximum(apart, 0) * rows * sizes / np.maximum(rows + sizes, 1)
    return costs


def _cut(x: Floats, rows: Rows, cluster: int) -> Cut:
    """Return how the `rows` of `x` (n, d) that make a cluster are cut."""
    left, right = (x[rows[half]] for half in halves(x[rows]))
    means = left.mean(axis=0, dtype=np.float64), right.mean(axis=0, dtype=np.float64)
    gain = len(left) * len(right) / len(rows) * float(np.square(means[0] - means[1]).sum())
    return Cut(gain, cluster, (means[0].astype(np.float32), means[1].astype(np.float32)))


def _merged(means: Floats, sizes: NDArray[np.float64], one: int, other: int) -> NDArray[np.float64]:
    """Return the mean (d,) of two clusters together."""
    total = sizes[one] * means[one] + sizes[other] * means[other]
    merged: NDArray[np.float64] = total / max(sizes[one] + sizes[other], 1)
    return merged
