"""Where the arrivals' vectors lie, against the contents that the codebook was trained on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semid.measure.gate import Check, NormLimits, ShiftLimits, is_number, rising
from semid.quantize.base import Floats


@dataclass(frozen=True, eq=False)
class VectorSums:
    """What was added up over vectors.

    Attributes:
        missing: Contents that have no vector.
        rows: Number of vectors.
        total: Their sum (d,).
        norms: The sum of their Euclidean norms.
    """

    missing: int
    rows: int
    total: NDArray[np.float64]
    norms: float


def described(x: Floats) -> dict[str, Any]:
    """Return what a codebook's metrics record of its training vectors (n, d): `mean_vector`, `mean_norm`, `variance`.

    Rounded to 6 digits, which is far below what any threshold could see.
    """
    mean = x.mean(axis=0, dtype=np.float64)
    norms = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))
    variance = float(x.var(axis=0, dtype=np.float64).sum())
    return {
        "mean_vector": [round(float(value), 6) for value in mean],
        "mean_norm": round(float(norms.mean()), 6),
        "variance": round(variance, 6),
    }


def centroid_shift(sums: VectorSums, mean: NDArray[np.float64], variance: float) -> float:
    """Return the squared distance of the mean vectors over the variance, minus 1/n: its expectation without drift.

    The mean of n vectors with summed variance V lies V/n away from the true one, squared and on average, so that
    0 says no shift whatever n and the scale of the vectors; 1 says as far away as vectors are from their mean.
    """
    difference = sums.total / sums.rows - mean
    return float(difference @ difference) / variance - 1 / sums.rows


def compare_vectors(
    sums: VectorSums, metrics: Mapping[str, Any], shift: ShiftLimits, norm: NormLimits
) -> Iterator[Check]:
    """Yield the checks of the arrivals' vectors.

    Args:
        sums: Of the distinct contents that arrived; none of them, no check.
        metrics: The codebook's, with what `described` returned.
        shift: Limits of the centroid's shift.
        norm: Limits of the change of the mean norm.
    """
    if sums.missing:
        note = "distinct contents of the arrivals without a vector of the version's model"
        yield Check("arrivals", "contents_without_vector", sums.missing, "block", 0, None, None, 1, note)
    if sums.rows == 0:
        return
    try:
        mean = np.array(metrics["mean_vector"], np.float64)
        length, variance = float(metrics["mean_norm"]), float(metrics["variance"])
        moved = centroid_shift(sums, mean, variance)
        changed = abs(sums.norms / sums.rows / length - 1)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        moved = changed = math.nan
    yield _judged("centroid_shift", moved, sums.rows, shift, "reference: the codebook's training contents")
    yield _judged("embedding_norm", changed, sums.rows, norm, "share by which the mean length of the vectors changed")


def _judged(name: str, value: float, rows: int, limits: ShiftLimits | NormLimits, note: str) -> Check:
    if not is_number(value):
        note = "the codebook's metrics lack mean_vector, mean_norm or variance, or vectors are broken"
        return Check("arrivals", name, None, "block", 0, None, limits.warn, limits.block, note)
    if rows < limits.min_rows:
        note = f"not judged: {rows} contents, fewer than {limits.min_rows}"
        return Check("arrivals", name, value, "info", note=note)
    return Check(
        "arrivals", name, value, rising(value, limits.warn, limits.block), 0, 0.0, limits.warn, limits.block, note
    )
