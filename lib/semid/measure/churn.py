"""How many IDs changed, and how deep: on items that both sides have."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from semid.measure.codes import Codes

Counts = NDArray[np.int64]


def common_prefix(old: Codes, new: Codes) -> Counts:
    """Return (n,) how many leading codes of each item are equal under both; levels of one side alone do not count."""
    levels = min(old.shape[1], new.shape[1])
    equal: Counts = np.logical_and.accumulate(old[:, :levels] == new[:, :levels], axis=1).sum(axis=1)
    return equal


def churn(old: Codes, new: Codes) -> list[float]:
    """Return for each depth d, from 1, the share of items whose first d codes changed.

    Args:
        old: Codes (n, levels) of the surviving items.
        new: Codes (n, levels) of the same items, in the same order.

    Returns:
        One share per level that both sides have; NaN without items.

    Raises:
        ValueError: When the two sides have different items counts.
    """
    if len(old) != len(new):
        raise ValueError(f"{len(old)} old and {len(new)} new codes are not of the same items")
    levels = min(old.shape[1], new.shape[1])
    return churn_of_counts(np.bincount(common_prefix(old, new), minlength=levels + 1))


def churn_of_counts(counts: Counts) -> list[float]:
    """Return the same from `counts` (levels + 1,): the items whose common prefix has 0, 1, ... levels codes.

    Item at depth d changed when its common prefix is shorter than d, so shares never fall with depth.
    """
    total = int(counts.sum())
    if total == 0:
        return [math.nan] * (len(counts) - 1)
    return [float(share) for share in np.cumsum(counts)[:-1] / total]
