"""The valid IDs of a release as flat tables, in place of a trie of Python objects.

STATIC (arXiv 2602.22647): distinct IDs are sorted, a state is a distinct prefix, and the states of one depth are the
rows of a CSR matrix whose columns are codes. States are numbered in sorted order here, so the place of an edge in its
level is the number of the state it leads to, and no column of next states is stored: 4 bytes per state, 4 per edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semid.errors import InputRefused

Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Transitions:
    """Which codes may follow which prefix, and the items behind each ID.

    Args:
        sizes: Codes per level.
        starts: Per level, where the edges of each prefix begin (states + 1,).
        codes: Per level, the code of each edge (edges,); edge e leads to prefix e of the next level.
        buckets: Where the items of each ID begin (ids + 1,).
        items: Items (n,) by ID, in the order they were given in.
    """

    sizes: tuple[int, ...]
    starts: tuple[Ints, ...]
    codes: tuple[Ints, ...]
    buckets: Ints
    items: Ints

    @property
    def ids(self) -> int:
        """Number of distinct IDs."""
        return len(self.buckets) - 1

    def walk(self, ids: Ints) -> NDArray[np.int64]:
        """Return (n, levels) the number of each prefix of IDs (n, levels), -1 for one that no item's ID begins with."""
        state, valid = np.zeros(len(ids), np.int64), np.ones(len(ids), np.bool_)
        walked = np.empty(ids.shape, np.int64)
        levels = zip(self.sizes, self.starts, self.codes, ids.T, strict=True)
        for level, (size, starts, codes, asked) in enumerate(levels):
            keys = np.repeat(np.arange(len(starts) - 1), np.diff(starts)) * size + codes  # ascending, as states are
            wanted = state * size + asked
            state = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            valid &= (asked >= 0) & (asked < size) & (keys[state] == wanted)
            walked[:, level] = np.where(valid, state, -1)
        return walked

    def find(self, ids: Ints) -> NDArray[np.int64]:
        """Return (n,) the number of each ID (n, levels) in sorted order, -1 for an ID that no item has."""
        return self.walk(ids)[:, -1]

    def dense(self, level: int) -> Ints:
        """Return (states, size) the next state of each prefix and code of `level` (from 0), -1 where there is none."""
        starts, codes = self.starts[level], self.codes[level]
        table = np.full((len(starts) - 1, self.sizes[level]), -1, np.int32)
        table[np.repeat(np.arange(len(starts) - 1), np.diff(starts)), codes] = np.arange(len(codes))
        return table

    def expand(self, ids: NDArray[np.int64], k: int) -> Ints:
        """Return (n, k) the items of lists of IDs (n, width): whole buckets, best ID first; -1 where they run out.

        Args:
            ids: Numbers of IDs as `find` gives them, best first; -1 names none.
            k: Items wanted in each list.
        """
        first = np.where(ids >= 0, self.buckets[ids], 0)
        counts = np.where(ids >= 0, self.buckets[ids + 1] - first, 0)
        ends = np.cumsum(counts, axis=1)
        place = np.arange(k)
        found = (place[None, :, None] >= ends[:, None, :]).sum(axis=2)  # (n, k): the bucket that fills each place
        filled = found < ids.shape[1]
        found = np.minimum(found, ids.shape[1] - 1)
        inside = place - np.take_along_axis(ends - counts, found, axis=1)
        rows = np.take_along_axis(first, found, axis=1) + inside
        return np.where(filled, self.items[np.where(filled, rows, 0)], -1).astype(np.int32)


def transitions(ids: Ints, sizes: Sequence[int], items: NDArray[np.integer] | None = None) -> Transitions:
    """Return the tables of the IDs of items; for a whitelist (in stock, fresh), those of the items in it.

    Args:
        ids: IDs (n, levels), any order, equal ones share a bucket.
        sizes: Codes per level.
        items: What stands for each item (n,), in the order wanted inside buckets; the rows of `ids` when None.

    Raises:
        InputRefused: When there are no items, or codes do not fit the sizes.
    """
    _check_ids(ids, sizes)
    order = np.lexsort(ids.T[::-1])  # stable: equal IDs keep their order
    table = ids[order]
    begins = np.ones(table.shape, np.bool_)  # (n, levels): a new prefix of depth level + 1 begins in this row
    begins[1:] = np.logical_or.accumulate(table[1:] != table[:-1], axis=1)
    starts, parents = [], np.zeros(1, np.int64)
    for begin in begins.T:
        edges = np.cumsum(begin)
        starts.append(np.append(edges[parents] - 1, edges[-1]).astype(np.int32))
        parents = np.flatnonzero(begin)
    return Transitions(
        sizes=tuple(int(size) for size in sizes),
        starts=tuple(starts),
        codes=tuple(table[begin, level].astype(np.int32) for level, begin in enumerate(begins.T)),
        buckets=np.append(parents, len(table)).astype(np.int32),
        items=(order if items is None else np.asarray(items)[order]).astype(np.int32),
    )


def _check_ids(ids: Ints, sizes: Sequence[int]) -> None:
    """Raise InputRefused unless there are IDs and each of their codes is one of its level."""
    if not len(ids):
        raise InputRefused("no IDs to decode to", next_step="Check the filter: it leaves no item.")
    if ids.shape[1] != len(sizes):
        raise InputRefused(
            f"IDs have {ids.shape[1]} levels, the sizes {len(sizes)}", next_step="Give the sizes of the IDs' codebook."
        )
    outside = ((ids < 0) | (ids >= np.asarray(sizes))).sum(axis=0)
    if outside.any():
        problems = [
            f"level {n + 1}: {count} codes outside 0..{sizes[n] - 1}" for n, count in enumerate(outside) if count
        ]
        raise InputRefused(
            f"{int(outside.sum())} codes are outside their level",
            problems=problems,
            next_step="Give the sizes of the IDs' codebook.",
        )
