"""What a search index learns from: the items that readers see, and queries of them, the catalog's own or made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.downstream.corpus import KnownIds
from semid.downstream.queries import Parts, Queries, in_parts, of_items, sample_queries
from semid.downstream.vocabulary import Vocabulary
from semid.errors import InputRefused, StoredDataError
from semid.frames.vectors import to_codes
from semid.tables.intervals import only_open
from semid.tables.registry import Card
from semid.tables.store import Store

FIELDS = ("title", "brand", "category")
"""What queries are made of; of the category path the last name."""


@dataclass(frozen=True, eq=False)
class Items:
    """The items that readers see now, in order of their ids.

    Attributes:
        known: Their IDs; rows of all else count alike.
        fields: `FIELDS` of each by item id, empty where it has none.
        texts: The text (items,) of each as it is embedded.
    """

    known: KnownIds
    fields: Mapping[str, Mapping[str, str]]
    texts: list[str]


@dataclass(frozen=True, eq=False)
class Asked:
    """Queries to learn from and to judge.

    Attributes:
        parts: What they are for.
        rows: How many there were at first.
        left_out: Of those, rows without a text or of an item without an ID.
        seed: Decided the parts.
    """

    parts: Parts
    rows: int
    left_out: int
    seed: int


def read_items(store: Store, card: Card) -> Items:
    """Return the items with an open ID of the codebook, on the driver.

    Raises:
        StoredDataError: There are none.
    """
    given = only_open(store.read("semantic_id"), [card.codebook_version]).select("item_id", "codes", "dedup_index")
    last = F.try_element_at("category", F.lit(-1)).alias("category")
    texts = store.read("item_catalog").select("item_id", "title", "brand", last, "text")
    rows = given.join(texts, "item_id").orderBy("item_id").toArrow()
    if not len(rows):
        what = f"codebook {card.codebook_version} has no IDs of items now"
        raise StoredDataError(what, where="semantic_id", next_step="semid verify")
    names, dedup = rows["item_id"].to_pylist(), rows["dedup_index"].to_numpy()
    vocabulary = Vocabulary(card.codebook_sizes, int(dedup.max()) + 1, users=0)
    ids = vocabulary.ids(to_codes(rows["codes"].combine_chunks(), len(card.codebook_sizes)), dedup)
    known = KnownIds(vocabulary, ids, np.array(names), np.arange(len(ids), dtype=np.int32))
    told = [[value or "" for value in rows[name].to_pylist()] for name in FIELDS]
    fields = {name: dict(zip(FIELDS, row, strict=True)) for name, *row in zip(names, *told, strict=True)}
    return Items(known, fields, rows["text"].to_pylist())


def read_queries(items: Items, table: DataFrame, seed: int) -> Asked:
    """Return the catalog's own searches, on the driver.

    Args:
        items: What they may want.
        table: With query and item_id.
        seed: Decides which are held out.

    Raises:
        InputRefused: Lists the columns that are missing; or too few rows have a text and an item with an ID.
    """
    wanted = {"query": "what was asked", "item_id": "the item that was taken"}
    if missing := [f"no column {name}: {what}" for name, what in wanted.items() if name not in table.columns]:
        raise InputRefused("the file is no table of queries", where="--queries", problems=missing)
    columns = [F.col(name).cast("string").alias(name) for name in wanted]
    rows = table.select(*columns).orderBy(*wanted).toArrow()
    found = of_items(rows["query"].to_pylist(), rows["item_id"].to_pylist(), items.known.item_ids.tolist())
    return _asked(found, len(rows), seed, "--queries")


def make_queries(items: Items, per_item: int, seed: int) -> Asked:
    """Return up to `per_item` queries made of each item.

    Raises:
        InputRefused: The items say too little to make queries of.
    """
    made = sample_queries(items.fields, per_item, seed)
    return _asked(made, len(made.texts), seed, "item_catalog: title, brand, category")


def _asked(found: Queries, rows: int, seed: int, where: str) -> Asked:
    parts = in_parts(found, seed)
    if not all(len(part.texts) for part in parts):
        problems = [f"{name}: {len(part.texts):,} queries" for name, part in parts._asdict().items()]
        raise InputRefused(
            f"{len(found.texts):,} of {rows:,} rows have a text and an item with an ID, too few to learn and to judge",
            where=where,
            problems=problems,
            next_step="give queries of items in semantic_id_current: of every hundred texts twenty are for judging",
        )
    return Asked(parts, rows, rows - len(found.texts), seed)
