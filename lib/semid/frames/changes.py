"""What a feed changes in the catalog: the rows of `item_catalog` that must be written, and nothing else."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from semid.frames.validate import GOOD, QUARANTINED, row_hash
from semid.tables.contract import table

NEW = "new"
CHANGED = "changed"
RETURNED = "returned"
REMOVED = "removed"


def to_differences(rows: DataFrame, catalog: DataFrame, mode: str) -> DataFrame:
    """Compare a feed with the catalog, null-safely.

    An item whose row went to quarantine keeps its stored state: it is in the feed, so it was not removed.

    Args:
        rows: Rows with their outcome, see `frames/validate.py`.
        catalog: The stored item_catalog.
        mode: snapshot: an active item that the feed does not have is removed; increment: it stays.

    Returns:
        item_id, change (new, changed, returned, removed), content_changed, first_seen (null for a new item);
        unchanged items are left out.
    """
    good = F.col("outcome") == GOOD
    listed = (
        rows.where("item_id IS NOT NULL")
        .groupBy("item_id")
        .agg(
            F.max(F.when(good, F.col("row_hash"))).alias("hash"),
            F.max(F.when(good, F.col("content_hash"))).alias("content"),
        )
    )
    stored = catalog.select(
        "item_id",
        F.col("content_hash").alias("old_content"),
        row_hash().alias("old_hash"),
        "is_active",
        "first_seen",
    )
    joined = listed.withColumn("listed", F.lit(True)).join(stored, "item_id", "full_outer")
    return (
        joined.withColumn("change", _change(mode))
        .where("change IS NOT NULL")
        .select(
            "item_id",
            "change",
            (F.col("content").isNotNull() & ~F.col("content").eqNullSafe(F.col("old_content"))).alias(
                "content_changed"
            ),
            "first_seen",
        )
    )


@contextmanager
def held_differences(rows: DataFrame, catalog: DataFrame, mode: str) -> Iterator[DataFrame]:
    """Hold the differences while they are counted and written, see `to_differences`."""
    differences = to_differences(rows, catalog, mode).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        yield differences
    finally:
        differences.unpersist()


def to_written_rows(
    rows: DataFrame, differences: DataFrame, catalog: DataFrame, run_id: str, run_date: datetime.date
) -> DataFrame:
    """Return the rows of `item_catalog` as they must be after this run, for the items that differ."""
    stamp = {
        "changed_on": F.lit(run_date),
        "run_id": F.lit(run_id),
    }
    arrived = (
        only_good(rows)
        .join(differences.where(F.col("change") != REMOVED).select("item_id", "first_seen"), "item_id")
        .withColumns({"first_seen": F.coalesce("first_seen", F.lit(run_date)), "is_active": F.lit(True), **stamp})
    )
    gone = catalog.join(differences.where(F.col("change") == REMOVED), "item_id", "left_semi").withColumns(
        {"is_active": F.lit(False), **stamp}
    )
    columns = table("item_catalog").columns
    return arrived.select(*columns).unionByName(gone.select(*columns))


def only_good(rows: DataFrame) -> DataFrame:
    """Return the rows that are items."""
    return rows.where(F.col("outcome") == GOOD)


def to_quarantine(rows: DataFrame, run_id: str) -> DataFrame:
    """Return the quarantined rows as rows of `item_quarantine`."""
    bad = rows.where(F.col("outcome") == QUARANTINED)
    return bad.select(F.lit(run_id).alias("run_id"), "source_row", "item_id", "reasons", "raw")


def _change(mode: str) -> Column:
    taken = F.col("hash").isNotNull()
    stored = F.col("is_active").isNotNull()
    change = (
        F.when(taken & ~stored, NEW)
        .when(taken & ~F.col("is_active"), RETURNED)
        .when(taken & ~F.col("hash").eqNullSafe(F.col("old_hash")), CHANGED)
    )
    if mode == "snapshot":
        change = change.when(F.col("listed").isNull() & F.col("is_active"), REMOVED)
    return change
