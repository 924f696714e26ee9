"""How good a ranking model's scores are: area under the ROC curve and log-loss, with intervals and differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from semid.measure.interval import LEVEL

Floats = NDArray[np.floating]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


def auc(scores: Floats, clicked: Flags) -> Estimate:
    """Return the chance that a clicked row scores above another; equal scores count half.

    The interval: DeLong, DeLong, Clarke-Pearson, Biometrics 44(3), 1988.

    Args:
        scores: Larger is likelier (rows,).
        clicked: Which rows (rows,) were.

    Raises:
        ValueError: There are fewer than two clicked or two other rows.
    """
    return _of_shares(*_shares(scores, clicked))


def auc_difference(ours: Floats, theirs: Floats, clicked: Flags) -> Estimate:
    """Return the AUC of `ours` less that of `theirs` (rows,) on the same rows, with the interval of the pair."""
    pairs = zip(_shares(ours, clicked), _shares(theirs, clicked), strict=True)
    return _of_shares(*(a - b for a, b in pairs))


def log_loss(logits: Floats, clicked: Flags) -> NDArray[np.float64]:
    """Return -log of the probability given to what happened (rows,), in nats; `logits` are log p / (1 - p)."""
    return np.asarray(np.logaddexp(0, logits) - clicked * logits, np.float64)


def mean(values: Floats) -> Estimate:
    """Return the mean of `values` (rows,), with the normal interval: rows are thousands."""
    return _estimate(float(values.mean()), float(values.var(ddof=1) / len(values)))


def _shares(scores: Floats, clicked: Flags) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, for each clicked row, the share of others below it, and for each other, of clicked rows above it.

    From ranks, as Sun and Xu, IEEE Signal Processing Letters 21(11), 2014.
    """
    yes, no = int(clicked.sum()), int((~clicked).sum())
    if min(yes, no) < 2:
        raise ValueError(f"{yes} clicked and {no} other rows: each needs two")
    ranks = stats.rankdata(scores)
    below = (ranks[clicked] - stats.rankdata(scores[clicked])) / no
    above = 1 - (ranks[~clicked] - stats.rankdata(scores[~clicked])) / yes
    return below, above


def _of_shares(below: Floats, above: Floats) -> Estimate:
    variance = below.var(ddof=1) / len(below) + above.var(ddof=1) / len(above)
    return _estimate(float(below.mean()), float(variance))


def _estimate(value: float, variance: float) -> Estimate:
    half = float(stats.norm.ppf((1 + LEVEL) / 2)) * variance**0.5
    return Estimate(value, value - half, value + half)
