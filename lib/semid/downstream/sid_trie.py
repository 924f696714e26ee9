"""The prefixes of a set of IDs as flat arrays: a trie without objects, which any language reads.

Nodes of depth l are the distinct prefixes of l codes, in sorted order. Every array is read by node number:

    code_l         (nodes of depth l,)       the last code of each prefix
    first_child_l  (nodes of depth l, + 1)   node i has the children first_child_l[i] up to first_child_l[i + 1]
    first_item     (nodes of depth L, + 1)   the ID of node i has the items item[first_item[i] : first_item[i + 1]]
    item           (items,)                  rows of the items, sorted within an ID
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from semid.downstream.transitions import transitions
from semid.measure.codes import prefix_labels
from semid.quantize.base import Codes


def valid_sids(codes: Codes) -> Codes:
    """Return the distinct rows of `codes` (n, levels), sorted."""
    first = np.unique(prefix_labels(codes, codes.shape[1]), return_index=True)[1]
    return np.ascontiguousarray(codes[first], dtype=np.int32)


def trie(codes: Codes, sizes: Sequence[int]) -> dict[str, NDArray[np.int32]]:
    """Return the arrays of the trie of the items' `codes` (n, levels) by name: the tables a decoder uses, named."""
    tables = transitions(codes, sizes)
    arrays = {f"code_{depth}": codes_of for depth, codes_of in enumerate(tables.codes, start=1)}
    arrays |= {f"first_child_{depth}": starts for depth, starts in enumerate(tables.starts) if depth}
    return arrays | {"first_item": tables.buckets, "item": tables.items}
