"""How good ranked lists are: recall, NDCG and reciprocal rank per user, their means with intervals, by slice.

Every function takes `hits` (users, K): whether the item at each place of a user's list, best first, is one of those
that the user wanted. Lists are of items, not of IDs: where several items share an ID, counting IDs overstates recall
(up to twofold, arXiv 2605.25330). Means over a part of the users are means over a part of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from semid.measure import interval
from semid.measure.evaluation import Measure
from semid.measure.popularity import SLICES, traffic_cuts

CUTOFFS = (5, 10)
"""Those of the published tables of next-item retrieval."""
NOTHING = -1
"""Where a list has no further item."""

Hits = NDArray[np.bool_]
Items = NDArray[np.integer]
Values = NDArray[np.float64]


def hits_of(ranked: Items, wanted: Items) -> Hits:
    """Return hits (users, K) of `ranked` (users, K): the places that hold the one item `wanted` (users,) of each user.

    Args:
        ranked: Items, best first; `NOTHING` where there are fewer than K.
        wanted: One item per user.

    Raises:
        ValueError: A list names an item twice, or the shapes do not fit; an item twice would count twice.
    """
    if ranked.ndim != 2 or wanted.shape != ranked.shape[:1]:
        raise ValueError(f"lists {ranked.shape} and wanted items {wanted.shape} are not (users, K) and (users,)")
    ordered = np.sort(ranked, axis=1)
    twice = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NOTHING)).any(axis=1)
    if twice.any():
        raise ValueError(f"{int(twice.sum())} of {len(ranked)} lists name an item twice, first list {twice.argmax()}")
    hits: Hits = (ranked == wanted[:, None]) & (ranked != NOTHING)
    return hits


def recall(hits: Hits, relevant: Items, k: int) -> Values:
    """Return (users,) the share of the user's `relevant` (users,) items among the first k: of one, the hit rate."""
    share: Values = hits[:, :k].sum(axis=1) / relevant
    return share


def ndcg(hits: Hits, relevant: Items, k: int) -> Values:
    """Return (users,) sum 1 / log2(1 + place) of the hits among the first k, over that of the best possible list.

    Jarvelin, Kekalainen, TOIS 20(4), 2002, with gains of 0 and 1.
    """
    weights = 1 / np.log2(np.arange(2, k + 2))
    found = hits[:, :k] @ weights[: hits.shape[1]]
    best = weights.cumsum()[np.minimum(relevant, k) - 1]
    return np.asarray(found / best, np.float64)


def reciprocal_rank(hits: Hits, k: int) -> Values:
    """Return (users,) 1 / the place of the first hit, 0 without one among the first k."""
    first = hits[:, :k].argmax(axis=1)
    return np.where(hits[:, :k].any(axis=1), 1 / (1 + first), 0.0)


def per_user(hits: Hits, relevant: Items | None = None, cutoffs: Sequence[int] = CUTOFFS) -> dict[str, Values]:
    """Return (users,) values by name: `recall_5`, `ndcg_5`, ... of every cutoff, and `mrr_10` of the last.

    Args:
        hits: As above.
        relevant: Items that each user wanted, at least 1; one each when None.
        cutoffs: Ascending list lengths, none above K.

    Raises:
        ValueError: A cutoff is longer than the lists, or a user wanted nothing.
    """
    relevant = np.ones(len(hits), np.int64) if relevant is None else relevant
    problems = [f"cutoff {k} exceeds lists of {hits.shape[1]}" for k in cutoffs if k > hits.shape[1]]
    problems += [f"{none} users have no relevant item"] if (none := int((relevant < 1).sum())) else []
    if problems:
        raise ValueError("; ".join(problems))
    values: dict[str, Values] = {}
    for k in cutoffs:
        values[f"recall_{k}"] = recall(hits, relevant, k)
        values[f"ndcg_{k}"] = ndcg(hits, relevant, k)
    return values | {f"mrr_{cutoffs[-1]}": reciprocal_rank(hits, cutoffs[-1])}


def slices_of(wanted: Items, trained: NDArray[np.integer]) -> dict[str, NDArray[np.bool_]]:
    """Return which users (users,) are in each slice by the item they want: all, head, mid, tail, cold.

    Args:
        wanted: Items (users,).
        trained: Interactions of every item (items,) in training; a cold item has none, and is in no other slice.
    """
    count = trained[wanted]
    times, items = np.unique(trained[trained > 0], return_counts=True)
    head, mid = traffic_cuts(dict(zip(times.tolist(), items.tolist(), strict=True)))
    parts = (count >= head, (count >= mid) & (count < head), (count > 0) & (count < mid))
    return {"all": np.ones(len(wanted), np.bool_)} | dict(zip(SLICES, parts, strict=True)) | {"cold": count == 0}


def retrieval_measures(
    values: Mapping[str, Values], slices: Mapping[str, NDArray[np.bool_]], rng: np.random.Generator
) -> Iterator[Measure]:
    """Yield the mean of every value over every slice that has users, with its 95 % bootstrap interval over users.

    Of values that are one system's less another's, this is the paired comparison: see `differences`.

    Args:
        values: (users,) by name, as of `per_user`.
        slices: Users (users,) by slice, as of `slices_of`.
        rng: Draws the users anew.
    """
    names, columns = list(values), np.stack(list(values.values()), axis=1)
    for part, here in slices.items():
        if users := int(here.sum()):
            yield Measure("users", users, slice=part)
            ends = interval.of_means(columns[here], rng)
            for name, mean, (low, high) in zip(names, columns[here].mean(axis=0), ends, strict=True):
                yield Measure(name, float(mean), low, high, part)


def differences(ours: Mapping[str, Values], theirs: Mapping[str, Values]) -> dict[str, Values]:
    """Return `ours` less `theirs` per user: what makes a user hard is the same for both, so pairs tell apart sooner.

    Raises:
        ValueError: The two do not have the same values of the same number of users.
    """
    shapes = [{name: value.shape for name, value in values.items()} for values in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"cannot pair values of {shapes[0]} with values of {shapes[1]}")
    return {name: ours[name] - theirs[name] for name in ours}
