"""How good codes are: are they used, do they tell items apart, do they keep what the vectors knew.

All functions take codes (n, levels) of n items, coarse to fine, and count with natural logarithms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from semid.measure.drift import gini as gini_of_counts

Codes = NDArray[np.int32]
Floats = NDArray[np.float32]


def used_codes(codes: Codes, sizes: tuple[int, ...]) -> list[int]:
    """Return how many of the codes of each level occur."""
    return [int(np.count_nonzero(n)) for n in code_counts(codes, sizes)]


def perplexity(codes: Codes, sizes: tuple[int, ...]) -> list[float]:
    """Return per level exp(-sum p ln p) over code shares p: as even as that number of equally used codes."""
    return [float(np.exp(_entropy(n))) for n in code_counts(codes, sizes)]


def gini(codes: Codes, sizes: tuple[int, ...]) -> list[float]:
    """Return per level the Gini index of items per code, see `drift.gini`."""
    return [gini_of_counts(n) for n in code_counts(codes, sizes)]


def code_counts(codes: Codes, sizes: tuple[int, ...]) -> list[NDArray[np.int64]]:
    """Return per level the items (size,) that each code has.

    Raises:
        ValueError: When there are no items, or a code or a level is outside `sizes`.
    """
    if not len(codes) or codes.shape[1] != len(sizes) or (codes >= np.array(sizes)).any():
        raise ValueError(f"no items, or codes {codes.shape} outside sizes {sizes}")
    return [np.bincount(level, minlength=size) for level, size in zip(codes.T, sizes, strict=True)]


def prefix_labels(codes: Codes, depth: int) -> NDArray[np.int64]:
    """Return (n,) one number per item, equal exactly where the first `depth` codes are equal."""
    labels = np.zeros(len(codes), np.int64)
    for level in codes[:, :depth].T:
        # renumbered at each level, so that sizes multiply to at most n * K and never overflow
        labels = np.unique(labels * (int(level.max(initial=0)) + 1) + level, return_inverse=True)[1]
    return labels


def collision_rate(codes: Codes, content: ArrayLike | None = None) -> float:
    """Return 1 - distinct code tuples / items.

    With `content` (n,), a key of what was embedded, only the first item of each content counts: identical texts
    share their codes by right, and no quantizer could tell them apart.
    """
    if content is not None:
        codes = codes[np.unique(np.asarray(content), return_index=True)[1]]
    return 1 - len(np.unique(prefix_labels(codes, codes.shape[1]))) / len(codes)


def largest_bucket(codes: Codes) -> int:
    """Return the number of items in the fullest bucket (all codes equal)."""
    return int(np.bincount(prefix_labels(codes, codes.shape[1])).max())


def relative_error(x: Floats, reconstruction: Floats) -> float:
    """Return sum |x - x^|^2 / sum |x - mean x|^2 of `x` (n, d): 0 is perfect, 1 no better than the mean."""
    error = np.square(np.subtract(x, reconstruction, dtype=np.float64)).sum()
    return float(error / np.square(x - x.mean(axis=0, dtype=np.float64)).sum())


def nmi(a: ArrayLike, b: ArrayLike) -> float:
    """Return the normalised mutual information of two labellings (n,), 2 I(a; b) / (H(a) + H(b)), in [0, 1].

    Strehl and Ghosh, JMLR 3, 2002, with the arithmetic mean. Two labellings with one label each give 1. To
    compare codes with a category tree, label each item with its path cut at a depth.
    """
    a, b = np.unique(a, return_inverse=True)[1], np.unique(b, return_inverse=True)[1]
    joint = np.unique(a * (int(b.max()) + 1) + b, return_inverse=True)[1]
    h_a, h_b, h_ab = (_entropy(np.bincount(labels)) for labels in (a, b, joint))
    return max(0.0, 2 * (h_a + h_b - h_ab) / (h_a + h_b)) if h_a + h_b > 0 else 1.0


def neighbour_preservation(
    x: Floats,
    codes: Codes,
    k: int = 10,
    asked: NDArray[np.intp] | None = None,
    among: NDArray[np.bool_] | None = None,
) -> list[float]:
    """Return, for each depth d, the share of an item's k nearest others that have its first d codes.

    The arguments are those of `shared_neighbours`.
    """
    shared = shared_neighbours(x, codes, k, asked, among)
    return [float(share) for share in shared.sum(axis=0) / (len(shared) * k)]


def shared_neighbours(
    x: Floats,
    codes: Codes,
    k: int = 10,
    asked: NDArray[np.intp] | None = None,
    among: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Return (len(asked), levels) how many of an item's k nearest others have its first 1, 2, ... codes.

    Nearest by cosine in `x` (n, d), exact.

    Args:
        x: Embeddings.
        codes: Codes (n, levels).
        k: Neighbours per item.
        asked: Items (rows of `x`) whose neighbours are looked for; all of them when None.
        among: Which items (n,) may be neighbours; all of them when None.

    Raises:
        ValueError: When there are not more than k items to choose from.
    """
    among = np.ones(len(x), np.bool_) if among is None else among
    asked = np.arange(len(x)) if asked is None else asked
    if among.sum() <= k:
        raise ValueError(f"{int(among.sum())} items have no {k} neighbours each")
    unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)
    step = max(1, (1 << 23) // len(x))  # 32 MiB of cosines at a time
    shared = np.zeros((len(asked), codes.shape[1]), np.int64)
    for i in range(0, len(asked), step):
        rows = asked[i : i + step]
        equal = codes[_neighbours(unit, rows, among, k)] == codes[rows][:, None, :]  # (rows, k, levels)
        shared[i : i + step] = np.logical_and.accumulate(equal, axis=2).sum(axis=1)
    return shared


def _neighbours(unit: Floats, rows: NDArray[np.intp], among: NDArray[np.bool_], k: int) -> NDArray[np.intp]:
    """Return (len(rows), k) the allowed rows of `unit` (n, d) with the largest inner products, never a row itself."""
    cosines = unit[rows] @ unit.T
    cosines[:, ~among] = -np.inf
    cosines[np.arange(len(rows)), rows] = -np.inf
    return np.argpartition(-cosines, k - 1, axis=1)[:, :k]


def _entropy(counts: NDArray[np.integer]) -> float:
    """Return -sum p ln p over the shares p of `counts`; empty ones add nothing."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares @ np.log(shares)))
