"""Do codes follow a category tree that they never saw? NMI and purity per depth, against shuffled categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from semid.measure.codes import Codes, nmi, prefix_labels

SHUFFLES = 5
"""Deep prefixes are many, and many labels agree with anything: the baseline has the same labels in random order."""


@dataclass(frozen=True)
class Agreement:
    """Agreement of the first `depth` codes with the first `names` names of the category path.

    Attributes:
        depth: Codes.
        names: Names of the path.
        nmi: Normalised mutual information.
        purity: Share of the items that have their bucket's most frequent category.
        nmi_shuffled: Mean over `SHUFFLES` random orders of the categories.
        purity_shuffled: The same.
    """

    depth: int
    names: int
    nmi: float
    purity: float
    nmi_shuffled: float
    purity_shuffled: float


def purity(labels: ArrayLike, classes: ArrayLike) -> float:
    """Return the share of items whose class is the most frequent one of their label; both (n,).

    Manning, Raghavan, Schuetze, "Introduction to Information Retrieval", 2008, section 16.3.
    """
    a = np.unique(labels, return_inverse=True)[1]
    b = np.unique(classes, return_inverse=True)[1]
    pairs, counts = np.unique(np.stack([a, b], axis=1), axis=0, return_counts=True)
    best = np.zeros(int(a.max()) + 1, np.int64)
    np.maximum.at(best, pairs[:, 0], counts)
    return float(best.sum() / len(a))


def category_agreement(
    codes: Codes, paths: Sequence[Sequence[str] | None], names: int, rng: np.random.Generator
) -> list[Agreement]:
    """Return one agreement per depth and number of names, over the items that have a path.

    Args:
        codes: Codes (n, levels).
        paths: Category path of each item, coarse to fine; one shorter than asked for is taken whole.
        names: Most names of a path to compare with.
        rng: Shuffles the categories.
    """
    with_path = np.array([bool(path) for path in paths], np.bool_)
    if not with_path.any():
        return []
    known = [path for path in paths if path]
    deepest = min(names, max(len(path) for path in known))
    labels = [prefix_labels(codes[with_path], depth) for depth in range(1, codes.shape[1] + 1)]
    orders = [rng.permutation(len(known)) for _ in range(SHUFFLES)]
    return [
        _agreement(depth, cut, label, _cut(known, cut), orders)
        for cut in range(1, deepest + 1)
        for depth, label in enumerate(labels, 1)
    ]


def _agreement(
    depth: int, names: int, labels: NDArray[np.int64], classes: NDArray[np.int64], orders: Sequence[NDArray[np.int64]]
) -> Agreement:
    shuffled = [(nmi(labels, classes[order]), purity(labels, classes[order])) for order in orders]
    by_chance = [float(np.mean(values)) for values in zip(*shuffled, strict=True)]
    return Agreement(depth, names, nmi(labels, classes), purity(labels, classes), by_chance[0], by_chance[1])


def _cut(paths: Sequence[Sequence[str]], names: int) -> NDArray[np.int64]:
    numbers: dict[tuple[str, ...], int] = {}
    return np.array([numbers.setdefault(tuple(path[:names]), len(numbers)) for path in paths], np.int64)
