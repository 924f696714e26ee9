"""Every row of a feed to its outcome: taken, quarantined with reasons, or dropped by a stated rule."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from semid.frames.feed_rows import SCHEMA, column_pass, line_pass
from semid.frames.ingest import Feed
from semid.text.record import Rules

GOOD = "good"
QUARANTINED = "quarantined"
IDENTICAL = "identical"
SUPERSEDED = "superseded"
# Rows of item_catalog are equal when these are.
COMPARED = ("title", "brand", "category", "description", "price", "image_url", "text", "content_hash")
BROADCAST_ROWS = 200_000
"""Places of rows that every task may hold: 13 MB."""


def to_checked_rows(rows: DataFrame, feed: Feed, rules: Rules) -> DataFrame:
    """Return one row per row of the feed: its place, its JSON, the cleaned fields, the reasons against it."""
    base = feed.found.uri.removeprefix("file://").rstrip("/")
    if len(feed.found.files) == 1 and feed.found.files[0].uri == feed.found.uri:
        base = base.rsplit("/", 1)[0]
    lines = feed.found.format in ("csv", "jsonl")
    run = (
        line_pass(rules, dict(feed.columns), feed.header, base)
        if lines
        else column_pass(rules, list(feed.columns), base)
    )
    return rows.mapInArrow(run, SCHEMA).select("*", row_hash().alias("row_hash"))


def with_vector_reason(rows: DataFrame, dim: int) -> DataFrame:
    """Add the reason `vector_dim` to the rows whose vector has another length than `dim`."""
    wrong = (F.size("reasons") == 0) & (F.size("embedding") != dim)
    return rows.withColumn("reasons", F.when(wrong, F.array(F.lit("vector_dim"))).otherwise(F.col("reasons")))


def usual_dim(rows: DataFrame) -> int | None:
    """Return the length that most vectors have (the smaller of two equally frequent), None without any."""
    dims = rows.where(F.size("reasons") == 0).groupBy(F.size("embedding").alias("dim")).count()
    first = dims.orderBy(F.desc("count"), "dim").first()
    return None if first is None else int(first["dim"])


def row_hash() -> Column:
    """Return a hash of everything of an item that the catalog keeps, nulls included."""
    # xxhash64 alone skips nulls: ('x', null) and (null, 'x') would be equal. JSON names the columns.
    entries = F.sort_array(F.map_entries("attributes"))
    return F.xxhash64(F.to_json(F.struct(*COMPARED, entries.alias("attributes"))))


def to_decisions(rows: DataFrame) -> DataFrame:
    """Return what becomes of the rows that share their id, or an id that looks the same, with another row.

    Equal rows: one stays. Different rows: the newest stays; when there is no single newest, none does.
    Rows that failed their own rules take no part.

    Returns:
        source_row, outcome, and the reason for the quarantined ones.
    """
    own = rows.where(F.size("reasons") == 0).select(
        "source_row",
        "item_id",
        F.coalesce("id_key", "item_id").alias("key"),
        F.col("updated"),
        F.col("row_hash").alias("hash"),
    )
    # One shuffle serves the three groupings, because each is finer than `key`.
    by_time = own.repartition("key").groupBy("key", "item_id", "updated")
    moments = by_time.agg(
        F.count("*").alias("rows"),
        F.min("hash").alias("low"),
        F.max("hash").alias("high"),
        F.min("source_row").alias("first"),
    )
    newest = F.max(F.struct("updated", "low", "high", "first")).alias("newest")
    ids = moments.groupBy("key", "item_id").agg(F.sum("rows").alias("rows"), newest)
    keys = ids.groupBy("key").agg(F.sum("rows").alias("rows"), F.count("*").alias("ids"))
    shared = keys.where("rows > 1").select("key", "ids").join(ids.drop("rows"), "key")
    return _decided(own.join(shared.drop("key"), "item_id"))


def with_outcome(rows: DataFrame, decisions: DataFrame, decided: int) -> DataFrame:
    """Add `outcome` to every row, and to the quarantined ones the reason that the comparison found.

    Args:
        rows: Checked rows.
        decisions: See `to_decisions`.
        decided: Number of decisions; with none the comparison costs nothing.
    """
    own = F.when(F.size("reasons") == 0, GOOD).otherwise(QUARANTINED)
    if decided == 0:
        return rows.withColumn("outcome", own)
    small = F.broadcast(decisions) if decided <= BROADCAST_ROWS else decisions
    joined = rows.join(small.withColumnsRenamed({"outcome": "decided"}), "source_row", "left")
    reasons = F.when(F.col("reason").isNotNull(), F.array("reason")).otherwise(F.col("reasons"))
    return joined.select(
        *[c for c in rows.columns if c != "reasons"],
        reasons.alias("reasons"),
        F.coalesce("decided", own).alias("outcome"),
    )


def _decided(rows: DataFrame) -> DataFrame:
    confusable = F.col("ids") > 1
    tie = F.col("newest.low") != F.col("newest.high")
    outcome = (
        F.when(confusable | tie, QUARANTINED)
        .when(F.col("source_row") == F.col("newest.first"), GOOD)
        .when(F.col("hash") == F.col("newest.low"), IDENTICAL)
        .otherwise(SUPERSEDED)
    )
    reason = F.when(confusable, F.lit("id_confusable")).when(tie, F.lit("duplicate_id"))
    return rows.select("source_row", outcome.alias("outcome"), reason.alias("reason"))
