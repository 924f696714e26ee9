"""Head, mid and tail of a catalog by interactions."""

from __future__ import annotations

from collections.abc import Mapping

SLICES = ("head", "mid", "tail")
HEAD, MID = 0.5, 0.8
"""The head makes the first half of all interactions, head and mid together four fifths; the rest is the tail.

The last fifth as the tail: Yin, Cui, Li, Yao, Chen, "Challenging the long tail recommendation", VLDB 2012.
"""


def traffic_cuts(items: Mapping[int, int]) -> tuple[int, int]:
    """Return the least interactions (>= 1) of an item of the head, and of an item of the mid.

    Items with equal counts are in one slice, so that no order among them decides: the item with which a share is
    reached takes its equals with it.

    Args:
        items: How many items have each number of interactions.
    """
    total = sum(count * number for count, number in items.items())
    cuts, covered = {}, 0
    for count in sorted(items, reverse=True):
        for share in (HEAD, MID):
            if covered < share * total:
                cuts[share] = count
        covered += count * items[count]
    return max(cuts.get(HEAD, 1), 1), max(cuts.get(MID, 1), 1)
