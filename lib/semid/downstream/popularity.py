"""The most popular items for everybody: the baseline that any recommender must beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semid.downstream.ranked import by_score
from semid.measure.retrieval import Items


def most_popular(trained: NDArray[np.integer], histories: Items, k: int) -> Items:
    """Return (users, k) the items with most interactions in training that are not in a user's history.

    Args:
        trained: Interactions of every item (items,) in training; items without any are never listed.
        histories: See `ranked.by_score`.
        k: Items per list.
    """
    score = np.where(trained > 0, trained, -np.inf).astype(np.float32)

    def scores(part: slice) -> NDArray[np.float32]:
        return np.tile(score, (part.stop - part.start, 1))

    return by_score(scores, histories, len(trained), k)
