"""Diversify slates: relevance, plus what an item adds to the last few shown, less what it repeats of their codes.

Position by position the item with the largest utility is taken:

    U_i = z(r_i) + gamma |res_i| - weight sum_{d=1..w} (1/d) lcp(s_i, s_{t-d}) / L

`SpectrumTerm` is the first addition: sliding spectrum decomposition, SSD* of arXiv 2107.05204. |res_i| is the length of
what the last w items' vectors leave of (unit(x_i), 1): the constant makes all similarities positive.
`PrefixTerm` is the second: Pinterest discourages items with high prefix overlap (Pinterest Engineering, "Evolution of
Multi-Objective Optimization at Pinterest Home feed", 2026) without publishing how; this is their published soft
spacing, 1/d over the last w positions, with the longest common prefix (lcp) of codes in place of a class. It needs no
vectors.

Slates come in batches (b, n): a step of the loop costs the same few calls for one slate as for many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from semid.quantize.base import Codes, Floats

Doubles = NDArray[np.float64]
Rows = NDArray[np.intp]


class Term(Protocol):
    """What is added to relevance, and how it changes with every item that is taken."""

    def utility(self) -> Doubles:
        """Return (b, n) what each candidate would add at the next position."""

    def take(self, rows: Rows) -> None:
        """Note that slate i shows its candidate `rows[i]` next."""


class _Recent:
    """One (b, n) array for each of the last `window` items."""

    def __init__(self, window: int, shape: tuple[int, ...]) -> None:
        if window < 1:
            raise ValueError(f"a window has at least 1 position, got {window}")
        self._columns = np.zeros((window, *shape))
        self._count = 0

    def drop(self) -> Doubles:
        """Return the column that the next one replaces, and forget it: zeros while there are fewer than `window`."""
        place = self._count % len(self._columns)
        oldest: Doubles = self._columns[place].copy()
        self._columns[place] = 0
        return oldest

    def push(self, column: Doubles) -> None:
        """Keep `column` in place of the oldest one."""
        self._columns[self._count % len(self._columns)] = column
        self._count += 1

    def weighted(self, weights: Doubles) -> Doubles:
        """Return (b, n) the sum of the columns, `weights[0]` for the newest."""
        ages = (self._count - 1 - np.arange(len(self._columns))) % len(self._columns)
        total: Doubles = np.tensordot(weights[ages], self._columns, axes=1)
        return total

    def project(self, rows: Rows) -> Doubles:
        """Return (b, n) the sum over columns of the column times its entry at `rows` (b,)."""
        at_rows = self._columns[:, np.arange(len(rows)), rows]
        total: Doubles = np.einsum("wb,wbn->bn", at_rows, self._columns)
        return total


class PrefixTerm:
    """The prefix-overlap penalty.

    Args:
        codes: Codes (b, n, levels) of the candidates.
        weight: lambda: what an item costs right after one with all codes equal, in standard deviations of relevance.
        window: Positions before an item that count against it.
    """

    def __init__(self, codes: Codes, weight: float = 0.5, window: int = 10) -> None:
        self._levels = np.ascontiguousarray(np.moveaxis(codes, 2, 0))
        self._recent = _Recent(window, codes.shape[:2])
        self._weights = -weight / (codes.shape[2] * np.arange(1, window + 1))

    def utility(self) -> Doubles:
        """Return (b, n) minus the penalties; see `Term`."""
        return self._recent.weighted(self._weights)

    def take(self, rows: Rows) -> None:
        """Note the items taken; see `Term`."""
        slates = np.arange(len(rows))
        same = np.ones(self._levels.shape[1:], np.bool_)
        common = np.zeros(same.shape)
        for level in self._levels:
            same &= level == level[slates, rows][:, None]
            common += same
        self._recent.push(common)


class SpectrumTerm:
    """Sliding spectrum decomposition in terms of inner products.

    The basis is built by Gram-Schmidt from the items taken, and its oldest vector leaves after `window` steps, as in
    the paper. Only the candidates' products with each basis vector are kept: those with a new one follow from
    the products with the item taken, so that a step reads the vectors once and writes none of them.

    Args:
        vectors: Vectors (b, n, d) of the candidates, of any length.
        gamma: Weight of the length of what is new.
        window: Positions before an item that span what is not new.
    """

    def __init__(self, vectors: Floats, gamma: float = 1.0, window: int = 10) -> None:
        lengths = np.linalg.norm(vectors, axis=2, keepdims=True)
        self._unit = vectors / np.maximum(lengths, np.float32(1e-30))
        self._whole = 1.0 + (lengths[:, :, 0] > 0)  # squared lengths; a zero vector has the constant alone
        self._left = self._whole.copy()
        self._gamma = gamma
        self._products = _Recent(window, vectors.shape[:2])

    def utility(self) -> Doubles:
        """Return (b, n) gamma times the lengths left; see `Term`."""
        added: Doubles = self._gamma * np.sqrt(np.maximum(self._left, 0.0))
        return added

    def take(self, rows: Rows) -> None:
        """Note the items taken; see `Term`."""
        slates = np.arange(len(rows))
        taken = self._unit[slates, rows]
        products = 1.0 + (self._unit @ taken[:, :, None])[:, :, 0].astype(np.float64)
        self._left += np.square(self._products.drop())
        squared = self._left[slates, rows]
        # Below the rounding of float32 products, what is left of a repeated item is noise and no direction.
        new = np.where(squared > 1e-5, 1.0 / np.sqrt(np.maximum(squared, 1e-5)), 0.0)
        column = (products - self._products.project(rows)) * new[:, None]
        self._products.push(column)
        self._left -= np.square(column)


def rerank(relevance: NDArray[np.floating], terms: Sequence[Term], length: int) -> Rows:
    """Return (b, length) the candidates of each slate in the order to show, -1 where a slate has no more.

    The first of equal utilities is taken, so candidates in a fixed order give a fixed slate.

    Args:
        relevance: Relevance (b, n); -inf marks a place without a candidate, for slates of several sizes in one batch.
            It is brought to mean 0 and variance 1 per slate, so that weights mean the same for any model's scores.
        terms: What else counts, over the same candidates; used up by the call. None gives the order of relevance.
        length: Positions to fill.

    Raises:
        ValueError: When a relevance is NaN or +inf.
    """
    if np.isnan(relevance).any() or np.isposinf(relevance).any():
        bad = np.flatnonzero((np.isnan(relevance) | np.isposinf(relevance)).any(axis=1))
        raise ValueError(
            f"{bad.size} of {len(relevance)} slates have relevance that is NaN or +inf: {bad[:5].tolist()}"
        )
    score = _standardised(relevance.astype(np.float64))
    slates = np.arange(len(score))
    order = np.full((len(score), length), -1, np.intp)
    for position in range(min(length, score.shape[1])):
        rows = (score + sum(term.utility() for term in terms)).argmax(axis=1)
        order[:, position] = np.where(np.isneginf(score[slates, rows]), -1, rows)
        score[slates, rows] = -np.inf
        for term in terms:
            term.take(rows)
    return order


def _standardised(relevance: Doubles) -> Doubles:
    """Return relevance less its mean over its standard deviation per row, of the finite ones; -inf stays."""
    there = np.isfinite(relevance)
    count = np.maximum(there.sum(axis=1, keepdims=True), 1)
    centred = relevance - np.where(there, relevance, 0.0).sum(axis=1, keepdims=True) / count
    spread = np.sqrt(np.square(np.where(there, centred, 0.0)).sum(axis=1, keepdims=True) / count)
    score: Doubles = centred / np.where(spread > 0, spread, 1.0)
    return score
