"""The prefixes of a set of IDs as flat arrays: a trie without objects, which any language reads.

Nodes of depth l are the distinct prefixes of l codes, in sorted order. Every array is read by node number:

    code_l         (nodes of depth l,)       the last code of each prefix
    first_child_l  (nodes of depth l, + 1)   node i has the children first_child_l[i] up to first_child_l[i + 1]
    first_item     (nodes of depth L, + 1)   the ID of node i has the items item[first_item[i] : first_item[i + 1]]
    item           (items,)                  rows of the items, sorted within an ID

A decoder's tables of what may follow (STATIC, arXiv 2602.22647) are made of the same sorted IDs, `valid_sids.npy`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semid.measure.codes import prefix_labels
from semid.quantize.base import Codes


def valid_sids(codes: Codes) -> Codes:
    """Return the distinct rows of `codes` (n, levels), sorted."""
    first = np.unique(prefix_labels(codes, codes.shape[1]), return_index=True)[1]
    return np.ascontiguousarray(codes[first], dtype=np.int32)


def trie(codes: Codes) -> dict[str, NDArray[np.int32]]:
    """Return the arrays of the trie of the items' `codes` (n, levels), by name."""
    sids = valid_sids(codes)
    arrays: dict[str, NDArray[np.int32]] = {}
    above = np.zeros(len(sids), np.int64)  # number of each ID's prefix: first of depth 0, where there is one
    for depth in range(1, codes.shape[1] + 1):
        below = prefix_labels(sids, depth)
        first = np.unique(below, return_index=True)[1]
        arrays[f"code_{depth}"] = sids[first, depth - 1]
        if depth > 1:
            arrays[f"first_child_{depth - 1}"] = _starts(above[first])
        above = below
    labels = prefix_labels(codes, codes.shape[1])
    arrays["first_item"] = _starts(np.sort(labels))
    arrays["item"] = np.argsort(labels, kind="stable").astype(np.int32)
    return arrays


def _starts(owners: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return where the rows of each owner, 0 and up, begin in the sorted `owners`, and their number at the end."""
    return np.searchsorted(owners, np.arange(int(owners[-1]) + 2)).astype(np.int32)
