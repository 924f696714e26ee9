"""Validity intervals: what a MERGE must do to them, and what a commit did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from semid.tables.contract import table

KEY = ["codebook_version", "item_id"]


def only_open(ids: DataFrame, versions: Sequence[int]) -> DataFrame:
    """Return the rows of these codebook versions that are valid now."""
    return ids.where(F.col("codebook_version").isin(*versions) & F.col("valid_to").isNull())


def valid_on(day: date | None) -> Column:
    """Return the condition of the rows that are valid on a date; with None, of those that are valid now."""
    if day is None:
        return F.col("valid_to").isNull()
    on = F.lit(day).cast("date")
    return (F.col("valid_from") <= on) & (F.col("valid_to").isNull() | (F.col("valid_to") > on))


def merge_plan(staged: DataFrame, current: DataFrame, wanted: DataFrame, run_date: date, release_id: int) -> DataFrame:
    """Return what a release does to `semantic_id`: one row per codebook version and item that it touches.

    An interval opened before the run date is closed and a new one inserted. One opened on the run date
    itself belongs to an earlier release of the same day: it is replaced in place, or deleted with its item,
    because an interval of length zero would be valid on no day.

    Args:
        staged: Rows to publish; at most one per codebook version and item.
        current: The open intervals of every version that is served.
        wanted: (codebook_version, item_id, content_hash) of what is to have an open interval afterwards.
        run_date: The release's logical date.
        release_id: The release that opens the new intervals.

    Returns:
        `stale`: whether the item is wanted with another content than it would have, or has no ID at all;
        `actions`: an array of structs with an `action` and the columns of `semantic_id`.
    """
    day, columns = F.lit(run_date).cast("date"), table("semantic_id").columns
    # Whole rows would be moved twice, of a million items that stay as they are: this is all that is asked of old ones.
    old = current.select(*KEY, F.struct("content_hash", "valid_from").alias("old"))
    opened = {"valid_from": day, "valid_to": F.lit(None).cast("date"), "release_id": F.lit(release_id).cast("long")}
    new = staged.withColumns(opened).select(*KEY, F.struct(*columns).alias("new"))
    sides = old.join(new, KEY, "full_outer").join(
        wanted.select(*KEY, F.col("content_hash").alias("wanted")), KEY, "full_outer"
    )
    content = F.coalesce("new.content_hash", "old.content_hash")
    stale = F.col("wanted").isNotNull() & ~content.eqNullSafe(F.col("wanted"))
    plan = sides.select(stale.alias("stale"), _actions(day).alias("actions"))
    return plan.where(F.col("stale") | (F.size("actions") > 0))


def merge_source(plan: DataFrame, run_date: date) -> DataFrame:
    """Return the actions of a plan for the MERGE into `semantic_id`, one row each.

    Returns:
        The columns of `semantic_id` and `action`, `merge_item_id` (null for inserts), `run_date`.
    """
    actions = plan.select(F.inline("actions"))
    target = F.when(F.col("action") != "insert", F.col("item_id"))
    return actions.withColumns({"merge_item_id": target, "run_date": F.lit(run_date).cast("date")})


def _actions(day: Column) -> Column:
    """Return what is done to an item; of a row that is closed or deleted only the key, which names it to the MERGE."""
    fields = table("semantic_id").schema.fields
    key = [F.col(f.name) if f.name in KEY else F.lit(None).cast(f.dataType).alias(f.name) for f in fields]
    row = [F.col(f"new.{f.name}").alias(f.name) for f in fields]

    def do(action: str, columns: list[Column]) -> Column:
        return F.struct(F.lit(action).alias("action"), *columns)

    has_old, has_new = F.col("old").isNotNull(), F.col("new").isNotNull()
    same_day, gone = F.col("old.valid_from") == day, ~has_new & F.col("wanted").isNull()
    return (
        F.when(has_old & gone & same_day, F.array(do("delete", key)))
        .when(has_old & gone, F.array(do("close", key)))
        .when(has_old & has_new & same_day, F.array(do("replace", row)))
        .when(has_old & has_new, F.array(do("close", key), do("insert", row)))
        .when(has_new, F.array(do("insert", row)))
        .otherwise(F.slice(F.array(do("none", key)), 1, 0))
    )


def changed_ids(feed: DataFrame, release_id: int, day: date | None = None) -> DataFrame:
    """Return the `semantic_id_change` rows of a commit.

    Args:
        feed: The commit's change data feed of `semantic_id`.
        release_id: The release that made the commit.
        day: The past date that the release rebuilt, if it did: then the intervals of that date count.

    Returns:
        One row per codebook version and item whose open interval appeared, changed or went; an item whose
        content changed but whose ID stayed counts as `content` with equal IDs.
    """
    was_open = F.col("_change_type").isin("update_preimage", "delete") & valid_on(day)
    is_open = F.col("_change_type").isin("update_postimage", "insert") & valid_on(day)
    before, after = _side(feed.where(was_open), "old"), _side(feed.where(is_open), "new")
    both = before.join(after, KEY, "full_outer")
    both = both.where(~F.col("old_semantic_id").eqNullSafe(F.col("new_semantic_id")) | _content_changed())
    version = F.col("codebook_version")
    return _change_rows(both, release_id, version, version)


def moved_ids(before: DataFrame, after: DataFrame, release_id: int, versions: tuple[int, int]) -> DataFrame:
    """Return the `semantic_id_change` rows of a release that makes another codebook the active one.

    Consumers move from one ID to the other by these rows, so there is one for every item, also for those whose
    ID stayed the same (`kept`).

    Args:
        before: Open rows of the codebook that was active.
        after: Open rows of the codebook that is active now.
        release_id: The release.
        versions: The two codebook versions.
    """
    both = _side(before, "old").drop("codebook_version").join(
        _side(after, "new").drop("codebook_version"), "item_id", "full_outer"
    )  # fmt: skip
    both = both.withColumn("codebook_version", F.lit(versions[1]).cast("int"))
    return _change_rows(both, release_id, F.lit(versions[0]).cast("int"), F.lit(versions[1]).cast("int"))


def _change_rows(both: DataFrame, release_id: int, old_version: Column, new_version: Column) -> DataFrame:
    old, new = F.col("old_semantic_id"), F.col("new_semantic_id")
    reason = (
        F.when(old.isNull(), "added")
        .when(new.isNull(), "removed")
        .when(_content_changed(), "content")
        .when(old == new, "kept")
        .otherwise("codebook")
    )
    return both.select(
        F.lit(release_id).cast("long").alias("release_id"),
        "codebook_version",
        "item_id",
        F.when(old.isNotNull(), old_version).alias("from_version"),
        F.when(new.isNotNull(), new_version).alias("to_version"),
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
