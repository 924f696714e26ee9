"""95 % intervals of what was measured on a sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
LEVEL = 0.95
Interval = tuple[float | None, float | None]


def of_means(values: NDArray[np.floating], rng: np.random.Generator) -> list[Interval]:
    """Return the percentile bootstrap interval of each column's mean; (n, columns).

    Efron, Tibshirani, "An Introduction to the Bootstrap", 1993. A single row has none.
    """
    from scipy import stats  # takes 1 s to load, also for the readers that import what is measured

    if len(values) < 2:
        return [(None, None)] * values.shape[1]
    found = stats.bootstrap(
        (values,),
        np.mean,
        axis=0,
        n_resamples=DRAWS,
        confidence_level=LEVEL,
        method="percentile",
        batch=max(1, (1 << 22) // values.size),  # 32 MiB of resampled values at a time
        rng=rng,
    ).confidence_interval
    return [(float(low), float(high)) for low, high in zip(found.low, found.high, strict=True)]


def of_share(part: int, whole: int) -> Interval:
    """Return the interval of `part` / `whole` as the bootstrap gives it without drawing: binomial percentiles."""
    from scipy import stats

    if whole < 1:
        return None, None
    ends = stats.binom.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2], whole, part / whole) / whole
    return float(ends[0]), float(ends[1])
