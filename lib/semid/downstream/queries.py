"""Search as retrieval of an item's ID: queries made of items, and what other retrievers find for them.

A differentiable search index (DSI, arXiv 2202.06991) learns query -> ID. Where a catalog has no log of searches,
queries are made from its items: a few of an item's fields, a few words of its title (document-to-query as in DSI-QG,
arXiv 2206.10128, by sampling instead of a model). Each query has one item, the one it was made of.

Every retriever answers alike, with rows (q, k) of items, best first and -1 for nothing: `bm25.Bm25.search`,
`nearest_items`, and a generative model that decodes IDs and looks up their items. `measure.retrieval` judges them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from semid.downstream.dsi import words
from semid.quantize.base import Floats

FEWEST_WORDS, MOST_WORDS = 2, 5
"""Words of a title in a query, one after the other."""

HELD_OUT = 0.2
"""Share of the queries that nothing is learnt from."""
JUDGED, CHECKED = 2_000, 500
"""Most of them that are judged in the end, and most others that choose the epoch."""

_TRIES = 4
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Queries:
    """Queries with the item that each was made of.

    Attributes:
        texts: The queries (q,).
        items: Row (q,) of each one's item.
    """

    texts: tuple[str, ...]
    items: Rows

    def only(self, chosen: NDArray[np.bool_]) -> Queries:
        """Return the queries where `chosen` (q,) is true."""
        return Queries(tuple(t for t, keep in zip(self.texts, chosen, strict=True) if keep), self.items[chosen])


def sample_queries(items: Mapping[str, Mapping[str, str]], per_item: int, seed: int) -> Queries:
    """Return up to `per_item` different queries of each item, the same ones whatever items are beside it.

    A query has each field of its item with probability 1/2 and at least one, in random order, lower-cased; of the field
    `title` two to five words in a row.

    Args:
        items: Field names and texts by item id; empty fields are left out. Rows count in this order.
        per_item: Queries wanted; an item with few words has fewer.
        seed: Other queries for another seed.
    """
    texts: list[str] = []
    rows: list[int] = []
    for row, (item_id, fields) in enumerate(items.items()):
        rng = np.random.default_rng(list(_digest(f"{seed}:{item_id}")))
        given = {name: text.lower().split() for name, text in sorted(fields.items()) if text.split()}
        made = dict.fromkeys(_query(given, rng) for _ in range(_TRIES * per_item if given else 0))
        texts += list(made)[:per_item]
        rows += [row] * min(len(made), per_item)
    return Queries(tuple(texts), np.array(rows, np.intp))


def hold_out(queries: Queries, share: float, seed: int) -> tuple[Queries, Queries]:
    """Return the queries to train on and about `share` of them to judge by.

    A hash of the text decides, so that no text is on both sides, whichever items it was made of.
    """
    marks = [int.from_bytes(_digest(f"{seed}:{text}")[:8]) / 2**64 for text in queries.texts]
    held = np.array(marks) < share
    return queries.only(~held), queries.only(held)


class Parts(NamedTuple):
    """Queries to learn from, to choose the epoch by, and to judge; no text is in two of them."""

    learnt: Queries
    checked: Queries
    judged: Queries


def in_parts(queries: Queries, seed: int) -> Parts:
    """Return the queries by what they are for, at most `CHECKED` and `JUDGED` of those held out."""
    learnt, held = hold_out(queries, HELD_OUT, seed)
    judged, checked = hold_out(held, CHECKED / (CHECKED + JUDGED), seed + 1)
    return Parts(learnt, _drawn(checked, CHECKED, seed), _drawn(judged, JUDGED, seed))


def of_items(texts: Sequence[str | None], item_ids: Sequence[str | None], catalog: Sequence[str]) -> Queries:
    """Return the queries that have a word and an item of `catalog`, in their order; rows count in that of `catalog`.

    Args:
        texts: What was asked (q,); None for nothing.
        item_ids: The item (q,) that each one wanted.
        catalog: Item ids.
    """
    rows = {item_id: row for row, item_id in enumerate(catalog)}
    asked = [
        (text, rows[item_id])
        for text, item_id in zip(texts, item_ids, strict=True)
        if text is not None and item_id in rows and words(text)
    ]
    return Queries(tuple(text for text, _ in asked), np.array([row for _, row in asked], np.intp))


def nearest_items(queries: Floats, items: Floats, k: int) -> Rows:
    """Return (q, k) the items with the largest inner product: dense retrieval by the vectors (q, d) and (n, d)."""
    found = np.empty((len(queries), min(k, len(items))), np.intp)
    step = max(1, (1 << 23) // len(items))  # 32 MiB of products at a time
    for at in range(0, len(queries), step):
        products = queries[at : at + step] @ items.T
        best = np.argpartition(-products, found.shape[1] - 1, axis=1)[:, : found.shape[1]]
        order = np.lexsort((best, -np.take_along_axis(products, best, axis=1)))
        found[at : at + step] = np.take_along_axis(best, order, axis=1)
    return found


def _drawn(queries: Queries, most: int, seed: int) -> Queries:
    chosen = np.zeros(len(queries.texts), np.bool_)
    chosen[np.random.default_rng(seed).permutation(len(chosen))[:most]] = True
    return queries.only(chosen)


def _query(fields: Mapping[str, list[str]], rng: np.random.Generator) -> str:
    names = list(fields)
    chosen = [name for name in names if rng.random() < 0.5] or [names[rng.integers(len(names))]]
    return " ".join(_words(name, fields[name], rng) for name in rng.permutation(chosen))


def _words(name: str, said: Sequence[str], rng: np.random.Generator) -> str:
    if name == "title":
        length = min(int(rng.integers(FEWEST_WORDS, MOST_WORDS + 1)), len(said))
        start = int(rng.integers(len(said) - length + 1))
        said = said[start : start + length]
    return " ".join(said)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
