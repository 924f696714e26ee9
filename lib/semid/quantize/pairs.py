"""Pairs of rows that belong together, such as items bought or viewed one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from semid.quantize.base import Codes, Quantizer


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of rows of a matrix of vectors.

    Args:
        rows: Row numbers (m, 2); the two of a pair differ.
        weight: How much each pair (m,) counts, positive.

    Raises:
        ValueError: Rows and weights do not match, a pair is one row twice, or a weight is not positive and finite.
    """

    rows: NDArray[np.int64]
    weight: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.rows.shape != (len(self.weight), 2):
            raise ValueError(f"pairs {self.rows.shape} and weights {self.weight.shape} do not match")
        if len(self) and (self.rows.min() < 0 or (self.rows[:, 0] == self.rows[:, 1]).any()):
            raise ValueError("a pair names two different rows")
        if not (np.isfinite(self.weight) & (self.weight > 0)).all():
            raise ValueError("weights of pairs are positive and finite")

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def share(self) -> NDArray[np.float64]:
        """Each pair's share (m,) of all weight."""
        share: NDArray[np.float64] = self.weight / self.weight.sum()
        return share

    def within(self, kept: NDArray[np.bool_]) -> Self:
        """Return the pairs with both rows among the `kept` (n,), numbered as in a matrix of those rows alone."""
        inside = kept[self.rows].all(axis=1)
        return type(self)((np.cumsum(kept) - 1)[self.rows[inside]], self.weight[inside])

    def touching(self, rows: NDArray[np.bool_]) -> Self:
        """Return the pairs with at least one of `rows` (n,), numbered as they are."""
        touched = rows[self.rows].any(axis=1)
        return type(self)(self.rows[touched], self.weight[touched])

    def agreement(self, codes: Codes) -> list[float]:
        """Return, for each depth d, the weighted share of pairs whose first d `codes` (n, levels) are equal.

        Raises:
            ValueError: There are no pairs.
        """
        if not len(self):
            raise ValueError("no pairs")
        equal = np.logical_and.accumulate(codes[self.rows[:, 0]] == codes[self.rows[:, 1]], axis=1)
        return [float(share) for share in self.share @ equal]


@runtime_checkable
class PairLearner(Quantizer, Protocol):
    """A quantizer that can learn from pairs."""

    def with_pairs(self, pairs: Pairs) -> Quantizer:
        """Return this quantizer, to be fitted to the vectors whose rows `pairs` name."""
