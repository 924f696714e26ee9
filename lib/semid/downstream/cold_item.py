"""Where new items have landed: the prefix that each shares with older ones, and the traffic of that prefix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semid.measure.codes import prefix_labels
from semid.measure.retrieval import NOTHING, Items
from semid.quantize.base import Codes


@dataclass(frozen=True, eq=False)
class ColdItems:
    """New items and where they have landed: the rows of the view `cold_item`.

    Attributes:
        item: New items (n,).
        depth: Leading codes (n,) shared with any older item; 0 for an item unlike all others.
        neighbours: Older items (n, m) that share them, most traffic first; `NOTHING` where there are fewer.
        prefix_items: Older items (n,) that share them.
        prefix_traffic: Their traffic (n,) in all: what the new item may expect to take part in.
    """

    item: Items
    depth: NDArray[np.int64]
    neighbours: Items
    prefix_items: NDArray[np.int64]
    prefix_traffic: NDArray[np.int64]


def cold_items(codes: Codes, new: NDArray[np.bool_], traffic: NDArray[np.integer], neighbours: int = 10) -> ColdItems:
    """Return the deepest prefix that each new item shares with an older one, and what is known of that prefix.

    Args:
        codes: Codes (items, levels).
        new: Which items (items,) are new.
        traffic: Interactions of every item (items,); those of new items do not count.
        neighbours: Most neighbours per new item.
    """
    items = np.flatnonzero(new)
    found = ColdItems(
        items,
        np.zeros(len(items), np.int64),
        np.full((len(items), neighbours), NOTHING, np.int64),
        np.zeros(len(items), np.int64),
        np.zeros(len(items), np.int64),
    )
    older = np.flatnonzero(~new)
    older = older[np.lexsort((older, -traffic[older]))]
    for depth in range(1, codes.shape[1] + 1):
        _look(found, prefix_labels(codes, depth), older, traffic, depth)
    return found


def _look(found: ColdItems, labels: NDArray[np.intp], older: Items, traffic: NDArray[np.integer], depth: int) -> None:
    """Write into `found` what the prefixes `labels` (items,) of one depth say; `older` has most traffic first."""
    count = np.bincount(labels[older], minlength=labels.max() + 1)
    total = np.zeros(len(count), np.int64)
    np.add.at(total, labels[older], traffic[older])
    mine = labels[found.item]
    there = count[mine] > 0
    grouped = older[np.argsort(labels[older], kind="stable")]
    start = count.cumsum() - count
    offset = np.arange(found.neighbours.shape[1])
    place = np.minimum(start[mine[there], None] + offset, len(grouped) - 1)
    found.depth[there] = depth
    found.prefix_items[there] = count[mine[there]]
    found.prefix_traffic[there] = total[mine[there]]
    found.neighbours[there] = np.where(offset < count[mine[there], None], grouped[place], NOTHING)
