"""Codes as features of a ranking model: prefix n-grams (Meta) and n-grams (YouTube).

A prefix names a cluster, so an item without interactions starts with what its neighbours have learned. A code from the
middle of an ID names one only together with the codes before it, but many more items train its row: on Beauty prefixes
are better over all items (AUC .791 against .779) and single codes over cold ones (.780 against .744; docs/ranking.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from semid.downstream.bags import Bags, check_codes, side_by_side
from semid.quantize.base import Codes

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def prefix_ngrams(codes: Codes, sizes: Sequence[int], limit: int) -> Bags:
    """Return one row per prefix of an ID, coarse to fine: (c1), (c1, c2), ... .

    "prefix-n-gram" of arXiv 2504.02137, the best of the features it compares; rows are summed.

    Args:
        codes: Codes (items, levels).
        sizes: Codes per level.
        limit: Most rows of one depth. A depth with no more prefixes than that has a row for each; in deeper ones
            prefixes share rows at random.
    """
    check_codes(codes, sizes)
    return side_by_side([_grams(codes[:, :depth], sizes[:depth], limit) for depth in range(1, len(sizes) + 1)])


def ngrams(codes: Codes, sizes: Sequence[int], n: int, limit: int) -> Bags:
    """Return one row per group of `n` codes of an ID; the last group may be shorter.

    "N-gram" of arXiv 2306.08121, whose table has K^n rows per group: above n = 2 hardly ever practical, hence `limit`.

    Args:
        codes: Codes (items, levels).
        sizes: Codes per level.
        n: Codes per group; 1 gives a row per level and code.
        limit: See `prefix_ngrams`.
    """
    check_codes(codes, sizes)
    starts = range(0, len(sizes), n)
    return side_by_side([_grams(codes[:, i : i + n], sizes[i : i + n], limit) for i in starts])


def _grams(codes: Codes, sizes: Sequence[int], limit: int) -> Bags:
    """Return the row of each tuple of codes (items, m): its mixed-radix number, or a hash if that exceeds `limit`."""
    tuples = 1
    for size in sizes:
        tuples *= size  # of any size: 8 levels of 2,048 overflow 64 bits
    if tuples <= limit:
        key = np.zeros(len(codes), np.int64)
        for level, size in enumerate(sizes):
            key = key * size + codes[:, level]
        return Bags(key[:, None].astype(np.int32), tuples)
    return Bags((_hash(codes) % np.uint64(limit)).astype(np.int32)[:, None], limit)


def _hash(codes: Codes) -> NDArray[np.uint64]:
    """Return 64-bit hashes (items,) of `codes`: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), code by code."""
    state = np.zeros(len(codes), np.uint64)
    for column in codes.T:
        state = state + column.astype(np.uint64) + _GOLDEN
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    return state
