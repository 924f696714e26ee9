"""Validity intervals: what a MERGE must do to them, and what a commit did."""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from semid.tables.contract import table


def merge_actions(
    staged: DataFrame, current: DataFrame, catalog: DataFrame, run_date: date, release_id: int
) -> DataFrame:
    """Return one row per thing the MERGE into `semantic_id` must do.

    An interval opened before the run date is closed and a new one inserted. One opened on the run date
    itself belongs to an earlier release of the same day: it is replaced in place, or deleted with its item,
    because an interval of length zero would be valid on no day.

    Args:
        staged: Rows to publish; at most one per item.
        current: The version's open intervals.
        catalog: The active items.
        run_date: The release's logical date.
        release_id: The release that opens the new intervals.

    Returns:
        The columns of `semantic_id` and `action`, `merge_item_id` (null for inserts), `run_date`.
    """
    day = F.lit(run_date).cast("date")
    new = staged.drop("run_id").withColumns(
        {
            "valid_from": day,
            "valid_to": F.lit(None).cast("date"),
            "release_id": F.lit(release_id).cast("long"),
        }
    )
    opened = current.select("item_id", F.col("valid_from").alias("opened_on"))
    known = new.join(opened, "item_id", "left")
    same_day = F.col("opened_on") == day
    gone = current.join(catalog.select("item_id"), "item_id", "left_anti")
    gone = gone.join(staged.select("item_id"), "item_id", "left_anti").withColumn("opened_on", F.col("valid_from"))
    parts = [
        _action(gone.where(same_day), "delete"),
        _action(gone.where(~same_day), "close"),
        _action(known.where(same_day), "replace"),
        _action(known.where(~same_day), "close"),
        _action(known.where(same_day.isNull() | ~same_day), "insert"),
    ]
    actions = parts[0]
    for part in parts[1:]:
        actions = actions.unionByName(part)
    target = F.when(F.col("action") != "insert", F.col("item_id"))
    columns = table("semantic_id").columns
    return actions.select(*columns, "action", target.alias("merge_item_id"), day.alias("run_date"))


def changed_ids(feed: DataFrame, release_id: int) -> DataFrame:
    """Return the `semantic_id_change` rows of a commit.

    Args:
        feed: The commit's change data feed of `semantic_id`.
        release_id: The release that made the commit.

    Returns:
        One row per item whose open interval appeared, changed or went; an item whose content changed but
        whose ID stayed counts as `content` with equal IDs.
    """
    was_open = F.col("_change_type").isin("update_preimage", "delete") & F.col("valid_to").isNull()
    is_open = F.col("_change_type").isin("update_postimage", "insert") & F.col("valid_to").isNull()
    before, after = _side(feed.where(was_open), "old"), _side(feed.where(is_open), "new")
    both = before.join(after, ["codebook_version", "item_id"], "full_outer")
    both = both.where(~F.col("old_semantic_id").eqNullSafe(F.col("new_semantic_id")) | _content_changed())
    reason = (
        F.when(F.col("old_semantic_id").isNull(), "added")
        .when(F.col("new_semantic_id").isNull(), "removed")
        .when(_content_changed(), "content")
        .otherwise("codebook")
    )
    version = F.col("codebook_version")
    return both.select(
        F.lit(release_id).cast("long").alias("release_id"),
        "codebook_version",
        "item_id",
        F.when(F.col("old_semantic_id").isNotNull(), version).alias("from_version"),
        F.when(F.col("new_semantic_id").isNotNull(), version).alias("to_version"),
        "old_semantic_id",
        "new_semantic_id",
        common_prefix("old_codes", "new_codes").alias("common_prefix"),
        reason.alias("reason"),
    )


def common_prefix(a: str, b: str) -> Column:
    """Return the number of equal leading codes of two code columns; 0 when one is null."""
    pairs = F.arrays_zip(F.col(a).alias("a"), F.col(b).alias("b"))
    differs = F.transform(pairs, lambda pair: ~pair["a"].eqNullSafe(pair["b"]))
    first = F.array_position(differs, True)
    length = F.least(F.size(a), F.size(b))
    return F.coalesce(F.when(first == 0, length).otherwise(first - 1), F.lit(0)).cast("int")


def _content_changed() -> Column:
    both = F.col("old_content").isNotNull() & F.col("new_content").isNotNull()
    return both & (F.col("old_content") != F.col("new_content"))


def _side(rows: DataFrame, side: str) -> DataFrame:
    return rows.select(
        "codebook_version",
        "item_id",
        F.col("semantic_id").alias(f"{side}_semantic_id"),
        F.col("codes").alias(f"{side}_codes"),
        F.col("content_hash").alias(f"{side}_content"),
    )


def _action(rows: DataFrame, action: str) -> DataFrame:
    return rows.select(*table("semantic_id").columns, F.lit(action).alias("action"))
