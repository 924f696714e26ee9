"""Statistics of a release against its codebook and the release before it: counts in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class LevelCounts:
    """How many distinct contents have each code of a level; every array is (size,).

    Attributes:
        level: 1 = coarsest.
        state: Contents of the table after publication.
        arrivals: Contents staged in this run.
        previous: Contents of the table as published now.
    """

    level: int
    state: Counts
    arrivals: Counts
    previous: Counts


@dataclass(frozen=True)
class Profile:
    """What was counted on a staged run and one codebook version.

    Attributes:
        facts: Counts by name, see `frames/profile.py`; None or NaN when one could not be computed.
        levels: Code counts, coarse to fine.
    """

    facts: Mapping[str, float | None]
    levels: Sequence[LevelCounts]


def used_codes(counts: Counts) -> int:
    """Return how many codes are used at all."""
    return int(np.count_nonzero(counts))


def perplexity(counts: Counts) -> float:
    """Return exp(entropy) of the codes: the number of codes it would be if all were equally frequent.

    NaN without a single row.
    """
    total = counts.sum()
    if total == 0:
        return math.nan
    p = counts[counts > 0] / total
    return float(np.exp(-(p * np.log(p)).sum()))


def gini(counts: Counts) -> float:
    """Return the Gini index of contents per code, unused codes included: 0 even, towards 1 concentrated.

    sum_i (2 i - K - 1) n_i / (K sum n), counts n_i ascending, i from 1 to K (Gini 1912, for a
    finite population). NaN without a single row.
    """
    total, size = int(counts.sum()), len(counts)
    if total == 0:
        return math.nan
    return float((2 * np.arange(size) + 1 - size) @ np.sort(counts) / (size * total))


def psi(a: Counts, b: Counts) -> float:
    """Return the population stability index sum((p - q) ln(p / q)), with half a count added to every code.

    NaN when one side has no rows.
    """
    if a.sum() == 0 or b.sum() == 0:
        return math.nan
    p, q = _smoothed(a), _smoothed(b)
    return float(((p - q) * np.log(p / q)).sum())


def psi_without_drift(a: Counts, b: Counts) -> float:
    """Return the PSI to be expected of two samples of the same distribution: (K - 1)(1/n + 1/m)."""
    n, m = int(a.sum()), int(b.sum())
    return math.inf if n == 0 or m == 0 else (len(a) - 1) * (1 / n + 1 / m)


def js_distance(a: Counts, b: Counts) -> float:
    """Return the Jensen-Shannon distance (base 2), 0 = equal, 1 = disjoint; NaN when one side has no rows."""
    if a.sum() == 0 or b.sum() == 0:
        return math.nan
    p, q = a / a.sum(), b / b.sum()
    middle = (p + q) / 2
    return math.sqrt(max(0.0, (_divergence(p, middle) + _divergence(q, middle)) / 2))


def uniform_collision_rate(rows: float, buckets: float) -> float:
    """Return the expected 1 - distinct/rows of uniformly random codes: M (1 - (1 - 1/M)^n) of M are hit."""
    if rows <= 0 or buckets <= 0:
        return math.nan
    # log1p keeps this exact for 256^3 buckets and more, where 1 - 1/M would round.
    hit = -buckets * math.expm1(rows * math.log1p(-1 / buckets)) if buckets > 1 else 1.0
    return 1 - hit / rows


def _smoothed(counts: Counts) -> NDArray[np.float64]:
    half_added = counts.astype(np.float64) + 0.5
    return half_added / float(half_added.sum())


def _divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    seen = p > 0
    return float((p[seen] * np.log2(p[seen] / q[seen])).sum())
