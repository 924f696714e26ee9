"""Nearest centroid, with an answer that depends on the row alone.

A float32 matrix product rounds differently for other batch sizes and thread counts, and Spark cuts partitions
as it likes. So the product only names candidates: every centroid whose score is within the rounding bound of
the best. Where that leaves more than one, exact distances decide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semid.quantize.base import Codebook, Codes, Floats, finite_vectors

BLOCK_SCORES = 1 << 22
"""Scores in memory at once: 16 MiB of float32 and 4 MiB of mask; 150 MiB more if every score is a tie."""


def greedy(codebook: Codebook, x: Floats) -> Codes:
    """Return codes (n, levels) of `x` (n, d): at each level the nearest of the points that `comparisons` yields.

    Greedy on purpose: a beam of 5 lowers the error of residual k-means by 6 % and changes 9-11 % of level-1 codes,
    and a prefix that depends on deeper levels no longer names a cluster.

    Raises:
        ValueError: When a row is not finite or is not d wide.
    """
    vectors = finite_vectors(x, codebook.dim)
    codes = np.empty((len(vectors), len(codebook.sizes)), np.int32)
    for level, (rows, points) in enumerate(codebook.comparisons(vectors, codes)):
        codes[:, level] = nearest(rows, points)
    return codes


def nearest(x: Floats, centroids: Floats) -> Codes:
    """Return (n,) the index of the centroid nearest to each row of `x` (n, d), the lowest on ties.

    The answer is that of float64 distances summed per pair, whatever rows share the batch.
    """
    with np.errstate(over="ignore"):
        half_norms = (0.5 * np.einsum("ij,ij->i", centroids, centroids, dtype=np.float64)).astype(np.float32)
    step = max(1, BLOCK_SCORES // len(centroids))
    blocks = [_nearest_block(x[i : i + step], centroids, half_norms) for i in range(0, len(x), step)]
    return np.concatenate(blocks) if blocks else np.empty(0, np.int32)


def _nearest_block(x: Floats, centroids: Floats, half_norms: Floats) -> Codes:
    """Return (n,) nearest centroids of one block.

    The second best score of a row tells whether any other is close, one pass where a mask of all scores takes four:
    12,082 x 384 against 3 x 256 in .104 CPU seconds instead of .114, of which the products alone are .077.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # huge vectors overflow, then everything is close
        scores = x @ centroids.T
        np.subtract(half_norms, scores, out=scores)  # half the squared distance, less |x|^2 / 2
        codes: Codes = scores.argmin(axis=1).astype(np.int32)
        rows = np.arange(len(x))
        best = scores[rows, codes]
        limit = best + _rounding_bound(x, half_norms)
        scores[rows, codes] = np.inf
        unsure = np.flatnonzero(~(scores.min(axis=1) > limit))  # written so that NaN counts as close
        scores[unsure, codes[unsure]] = best[unsure]
        close = ~(scores[unsure] > limit[unsure, None])
    codes[unsure] = _exact_nearest(x[unsure], centroids, close)
    return codes


def _rounding_bound(x: Floats, half_norms: Floats) -> Floats:
    """Return (n,) how far two scores of a row may be off together.

    A float32 inner product of width d errs by at most d 2^-24 |x||c| in any order of summation (Higham,
    Accuracy and Stability of Numerical Algorithms, 3.1). Unit vectors, d = 384: 1e-4, which sends 1 % of rows
    of level 1 and 4 % of level 3 to the exact distances.
    """
    widest = np.sqrt(2 * half_norms.max())
    lengths = np.sqrt(np.einsum("ij,ij->i", x, x))
    bound: Floats = np.float32((x.shape[1] + 8) * 2.0**-23) * widest * (lengths + widest)
    return bound


def _exact_nearest(x: Floats, centroids: Floats, close: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return (n,) the nearest among the centroids that `close` (n, k) marks, by float64 distances."""
    rows, columns = np.nonzero(close)
    distances = np.empty(len(rows))
    step = max(1, (BLOCK_SCORES // 2) // x.shape[1])
    for i in range(0, len(rows), step):
        part = slice(i, i + step)
        difference = np.subtract(x[rows[part]], centroids[columns[part]], dtype=np.float64)
        distances[part] = np.einsum("ij,ij->i", difference, difference)
    order = np.lexsort((columns, distances, rows))
    first = np.searchsorted(rows, np.arange(len(x)))
    return columns[order][first]
