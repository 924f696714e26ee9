"""Histories as a matrix, and lists of items by score without what a user has seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from semid.measure.retrieval import NOTHING, Items

BLOCK = 1 << 23
"""Scores in memory at once: 32 MiB of float32."""

Scores = Callable[[slice], NDArray[np.float32]]
"""Called with a slice of the users; returns new scores (users, items), larger is better, -inf for never."""


def by_score(scores: Scores, histories: Items, items: int, k: int) -> Items:
    """Return (users, k) the items with the largest scores that are not in a user's history; ties by item number.

    Args:
        scores: Of all items, for any users.
        histories: Items (users, length) of each user; `NOTHING` where there are fewer.
        items: How many there are.
        k: Items per list; where fewer have a score, `NOTHING` follows.
    """
    step = max(1, BLOCK // items)
    parts = [slice(i, min(i + step, len(histories))) for i in range(0, len(histories), step)]
    return np.concatenate([_best(scores(part), histories[part], k) for part in parts])


def matrix_of(histories: Items, items: int, decay: float) -> sparse.csr_array:
    """Return (users, items) with decay^age of every item of a user, age 0 the last; an item's latest place counts."""
    there = histories != NOTHING
    age = there[:, ::-1].cumsum(axis=1)[:, ::-1] - 1
    users, places = np.nonzero(there)
    cells = histories[users, places].astype(np.int64) + users * items
    order = np.lexsort((age[users, places], cells))
    first = order[np.unique(cells[order], return_index=True)[1]]
    weights = decay ** age[users[first], places[first]].astype(np.float32)
    return sparse.csr_array((weights, (users[first], cells[first] % items)), shape=(len(histories), items))


def _best(scores: NDArray[np.float32], histories: Items, k: int) -> Items:
    users, places = np.nonzero(histories != NOTHING)
    scores[users, histories[users, places]] = -np.inf
    # the k-th largest score cuts; of its equals the first by number are in
    # (partitioned from the other end, equal scores take NumPy ten times as long)
    cut = -np.partition(-scores, k - 1, axis=1)[:, k - 1, None]
    above = scores > cut
    level = scores == cut
    level &= level.cumsum(axis=1) <= k - above.sum(axis=1, keepdims=True)
    chosen = np.nonzero(above | level)[1].reshape(len(scores), k)
    found = np.take_along_axis(scores, chosen, axis=1)
    order = np.argsort(-found, axis=1, kind="stable")
    ranked = np.take_along_axis(chosen, order, axis=1)
    return np.where(np.take_along_axis(found, order, axis=1) == -np.inf, NOTHING, ranked)
