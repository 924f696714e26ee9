"""Writing `item_catalog`, `item_quarantine` and supplied vectors: only differences, each in one commit."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.tables.contract import conform
from semid.tables.sql_text import equals
from semid.tables.store import Store

IMAGE_ROW = "#image"
"""Ends `source_row` of a quarantined image, whose row was taken: `items.jsonl:12#image`."""

CONTENTS_PER_FILE = 16_384
"""Of vectors: 26 MB of 384 floats, so that cores share the reading of a small catalog.

A file per partition made 160 files of 81,547 contents, and would make 2 million of a billion.
"""


def merge_items(store: Store, rows: DataFrame, changes: Mapping[str, int]) -> int:
    """Put `rows` in the place of the stored rows of the same items, or add them, in one commit.

    Args:
        store: The warehouse.
        rows: Complete rows of `item_catalog`, one per item.
        changes: Number of new, changed, returned and removed items; without any, nothing is committed.

    Returns:
        Number of rows written.
    """
    total = sum(changes[change] for change in ("new", "changed", "returned", "removed"))
    if total == 0:
        return 0
    target = store.delta("item_catalog").alias("stored")
    source = conform(rows, "item_catalog").alias("written")
    merge = target.merge(source, "stored.item_id = written.item_id")
    merge.whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()
    return total


def replace_quarantine(store: Store, rows: DataFrame, run_id: str, count: int) -> None:
    """Make `rows` the quarantined rows of the run; a repeated run writes them again, not twice.

    Args:
        store: The warehouse.
        rows: Rows of `item_quarantine` of this run.
        run_id: The run.
        count: How many rows there are; without any, and none stored, nothing is written.
    """
    own = F.col("run_id") == run_id
    if count or store.read("item_quarantine").where(own).limit(1).count():
        store.replace_where(rows, "item_quarantine", equals({"run_id": run_id}))


def append_vectors(store: Store, vectors: DataFrame, count: int, model: str, run_id: str) -> None:
    """Append `count` vectors (content_hash, embedding) as those of `model`, in one commit.

    Each file has one range of the hashes, so that who reads a range of them, as the gate's sample is, skips the
    others. They are sha256 in hex: equal ranges have as many.
    """
    files = math.ceil(count / CONTENTS_PER_FILE)
    first = F.conv(F.substring("content_hash", 1, 8), 16, 10).cast("long")
    placed = vectors.repartitionById(files, F.shiftright(first * files, 32).cast("int"))
    rows = placed.select(
        "content_hash",
        F.lit(model).alias("model"),
        F.size("embedding").alias("dim"),
        "embedding",
        F.lit(run_id).alias("run_id"),
        F.current_timestamp().alias("embedded_at"),
    )
    store.append(rows, "item_embedding")


def stored_dim(store: Store, model: str) -> int | None:
    """Return the width of the vectors stored for `model`, or None."""
    row = store.read("item_embedding").where(F.col("model") == model).select("dim").limit(1).collect()
    return int(row[0]["dim"]) if row else None
