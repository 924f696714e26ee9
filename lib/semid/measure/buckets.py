"""How items share IDs, from the sizes of the buckets alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class BucketSizes:
    """How many buckets (items with equal codes) there are of each size; no more rows than different sizes.

    Attributes:
        size: Distinct sizes (m,), each >= 1.
        buckets: Number of buckets of that size (m,).
    """

    size: NDArray[np.int64]
    buckets: NDArray[np.int64]

    @property
    def items(self) -> int:
        """Number of items in all buckets."""
        return int(self.size @ self.buckets)

    @property
    def distinct(self) -> int:
        """Number of buckets, which is that of distinct IDs."""
        return int(self.buckets.sum())

    @property
    def collision_rate(self) -> float:
        """1 - distinct IDs / items."""
        return 1 - self.distinct / self.items

    @property
    def singleton_share(self) -> float:
        """Share of the items that are alone in their bucket."""
        return float(self.buckets[self.size == 1].sum() / self.items)

    @property
    def largest(self) -> int:
        """Items in the fullest bucket."""
        return int(self.size.max())

    @property
    def gini(self) -> float:
        """Gini index of items per bucket, empty buckets left out: 0 when all are equal.

        One less twice the area under the Lorenz curve, which is straight between two sizes.
        """
        order = np.argsort(self.size)
        held = (self.size * self.buckets)[order] / self.items
        there = self.buckets[order] / self.distinct
        below = np.concatenate([[0.0], np.cumsum(held)])
        return float(1 - (there * (below[:-1] + below[1:])).sum())
