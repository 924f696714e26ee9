"""Codes that stay while they are good enough: an item moves only when that buys a real fall of its error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semid.quantize.base import Codebook, Codes, Floats, quantization_error


@dataclass(frozen=True, eq=False)
class Kept:
    """Codes given by a new codebook to items that had codes before.

    Attributes:
        codes: What each item gets, (n, levels).
        kept: Whether these are its old codes, (n,); also where the old codes are the best.
        error: Squared error (n,) of `codes`.
        best_error: Squared error (n,) of what `encode` would give.
    """

    codes: Codes
    kept: NDArray[np.bool_]
    error: Floats
    best_error: Floats


def keep_codes(x: Floats, codebook: Codebook, old: Codes, tolerance: float) -> Kept:
    """Return the old codes where error(old) <= (1 + tolerance) error(encode), else what `encode` gives.

    Each row's answer depends on that row alone.

    Args:
        x: Vectors (n, d).
        codebook: The new codebook, warm-started from the old one or aligned to it.
        old: Old codes (n, levels) of the same rows. Rows with a code outside its level (-1 where there is none)
            are never kept; with another number of levels, no row is.
        tolerance: tau >= 0; 0 keeps only what is at least as good.

    Raises:
        ValueError: When rows are not finite or not d wide, sides differ in length, or the tolerance is negative.
    """
    if len(x) != len(old) or not tolerance >= 0:
        raise ValueError(f"{len(x)} vectors with {len(old)} old codes, tolerance {tolerance}")
    best = codebook.encode(x)
    best_error = quantization_error(x, codebook.decode(best))
    codes, error, kept = best.copy(), best_error.copy(), np.zeros(len(x), np.bool_)
    if old.shape[1] != len(codebook.sizes):
        return Kept(codes, kept, error, best_error)
    rows = np.flatnonzero(((old >= 0) & (old < np.array(codebook.sizes))).all(axis=1))
    old_error = quantization_error(x[rows], codebook.decode(old[rows].astype(np.int32)))
    near = old_error <= (1 + tolerance) * best_error[rows]
    rows = rows[near]
    codes[rows], error[rows], kept[rows] = old[rows], old_error[near], True
    return Kept(codes, kept, error, best_error)
