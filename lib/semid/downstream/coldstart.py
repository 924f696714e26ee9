"""Items without interactions: found by the first codes they share with items that have some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semid.downstream.ranked import by_score, matrix_of
from semid.measure.codes import prefix_labels
from semid.measure.retrieval import NOTHING, Items
from semid.quantize.base import Codes, Floats

DEPTH = 3
"""Codes that a new item must share with a generated ID (TIGER, arXiv 2305.05065, section 4.3)."""


@dataclass(frozen=True, eq=False)
class Catalog:
    """What the items of a release are known by.

    Attributes:
        codes: Codes (items, levels); the dedup index may be the last level.
        cold: Which items (items,) had no interactions in training.
    """

    codes: Codes
    cold: NDArray[np.bool_]


def with_cold_items(
    generated: Codes, catalog: Catalog, histories: Items, k: int, epsilon: float, depth: int = DEPTH
) -> Items:
    """Return (users, k) items: those with a generated ID, and cold items that share its first codes.

    TIGER, section 4.3. A beam's items come before those of the next one, warm before cold ones.

    Args:
        generated: IDs (users, beams, levels) of any generator, best first; -1 everywhere for no ID.
        catalog: Whose items these are.
        histories: See `ranked.by_score`; these items are not listed.
        k: Items per list; where fewer are found, `NOTHING` follows.
        epsilon: Largest share of cold items among the k.
        depth: Codes that a cold item must share.
    """
    users, beams, levels = generated.shape
    asked = generated.reshape(-1, levels)
    both = np.concatenate([catalog.codes, asked])
    warm = _members(prefix_labels(both, levels), np.flatnonzero(~catalog.cold), len(catalog.codes))
    cold = _members(prefix_labels(both, depth), np.flatnonzero(catalog.cold), len(catalog.codes))
    row = np.concatenate([warm[0], cold[0]])
    item = np.concatenate([warm[1], cold[1]])
    fresh = np.repeat([False, True], [len(warm[0]), len(cold[0])])
    order = np.lexsort((item, fresh, row))
    user, item, fresh = row[order] // beams, item[order], fresh[order]
    kept = _first_time(user, item, len(catalog.codes)) & ~_seen(user, item, histories, len(catalog.codes))
    user, item, fresh = user[kept], item[kept], fresh[kept]
    allowed = int(epsilon * k + 1e-9)  # .29 of 100 is 28.999999999999996
    kept = ~fresh | (_place(user, fresh) < allowed)
    user, item = user[kept], item[kept]
    place = _place(user, np.ones(len(user), np.bool_))
    ranked = np.full((users, k), NOTHING, np.int64)
    ranked[user[place < k], place[place < k]] = item[place < k]
    return ranked


def semantic_knn(x: Floats, histories: Items, k: int, last: int = 1) -> Items:
    """Return (users, k) the items nearest by cosine to the mean of each user's last items: the rival that uses vectors.

    "Semantic_KNN" of TIGER, section 4.3.

    Args:
        x: Vectors (items, d).
        histories: Items (users, length), oldest first; `NOTHING` where there are fewer.
        k: Items per list.
        last: How many items of a history count.
    """
    unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)
    age = (histories != NOTHING)[:, ::-1].cumsum(axis=1)[:, ::-1]
    queries = matrix_of(np.where(age <= last, histories, NOTHING), len(x), 1.0) @ unit

    def scores(part: slice) -> NDArray[np.float32]:
        return np.asarray(queries[part] @ unit.T, np.float32)

    return by_score(scores, histories, len(x), k)


def _members(labels: NDArray[np.intp], members: Items, items: int) -> tuple[NDArray[np.intp], Items]:
    """Return (row, item) of every one of `members` whose label equals that of a row asked for.

    Args:
        labels: Of the items, and after them of the rows.
        members: Items that may be found.
        items: How many items there are.
    """
    count = np.bincount(labels[members], minlength=labels.max() + 1)
    start = count.cumsum() - count
    grouped = members[np.argsort(labels[members], kind="stable")]
    wanted = labels[items:]
    rows = np.repeat(np.arange(len(wanted)), count[wanted])
    within = np.arange(len(rows)) - np.repeat(count[wanted].cumsum() - count[wanted], count[wanted])
    return rows, grouped[np.repeat(start[wanted], count[wanted]) + within]


def _first_time(user: Items, item: Items, items: int) -> NDArray[np.bool_]:
    """Return which entries are the first of their user and item."""
    first = np.zeros(len(user), np.bool_)
    first[np.unique(user * items + item, return_index=True)[1]] = True
    return first


def _seen(user: Items, item: Items, histories: Items, items: int) -> NDArray[np.bool_]:
    """Return which entries are in their user's history."""
    users, places = np.nonzero(histories != NOTHING)
    return np.isin(user * items + item, users * items + histories[users, places])


def _place(user: Items, counted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how many counted entries of the same user stand before each; users ascend."""
    before = counted.cumsum() - counted
    first = np.searchsorted(user, user)
    return np.asarray(before - before[first], np.int64)
