"""Dedup indexes: the persisted number that tells the items of one bucket apart.

The ledger is every ID ever given (`semantic_id_change` is append-only). An item that meets its old bucket again
takes its old number; a new one takes the next free number, in the order of item ids. A number is never given
twice, also after its item has gone (renumbering each night moved 15 % of old items' suffixes).
"""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F


def to_ledger(changes: DataFrame, codebook_version: int) -> DataFrame:
    """Return (item_id, bucket, dedup_index) of every ID ever given under a codebook version."""
    given = changes.where((F.col("to_version") == codebook_version) & F.col("new_semantic_id").isNotNull())
    parts = F.split("new_semantic_id", "#")
    index = F.coalesce(F.try_element_at(parts, F.lit(2)).cast("int"), F.lit(0))
    return given.select("item_id", parts[0].alias("bucket"), index.alias("dedup_index")).distinct()


def with_dedup_index(items: DataFrame, ledger: DataFrame) -> DataFrame:
    """Return `items` with the column `dedup_index`.

    Args:
        items: item_id, codes and more; at most one row per item.
        ledger: item_id, bucket, dedup_index; at most one row per item and bucket.
    """
    bucketed = items.withColumn("bucket", printed("codes"))
    used = ledger.join(bucketed.select("bucket").distinct(), "bucket", "left_semi")
    highest = used.groupBy("bucket").agg(F.max("dedup_index").alias("highest"))
    known = bucketed.join(used, ["item_id", "bucket"], "left").join(highest, "bucket", "left")
    # Newcomers are numbered among themselves: their own window, so that incumbents leave no gaps.
    newcomer = F.col("dedup_index").isNull()
    order = Window.partitionBy("bucket", newcomer).orderBy("item_id")
    following = F.coalesce(F.col("highest"), F.lit(-1)) + F.row_number().over(order)
    index = F.coalesce("dedup_index", following.cast("int"))
    return known.select(*items.columns, index.alias("dedup_index"))


def to_staged(items: DataFrame, run_id: str, run_date: date) -> DataFrame:
    """Return the rows of `semantic_id_staged` of items with codebook version, codes and dedup index."""
    depths = F.sequence(F.lit(1), F.size("codes"))
    suffix = F.when(F.col("dedup_index") > 0, F.concat(F.lit("#"), F.col("dedup_index").cast("string")))
    return items.select(
        F.lit(run_id).alias("run_id"),
        "codebook_version",
        "item_id",
        F.concat(printed("codes"), F.coalesce(suffix, F.lit(""))).alias("semantic_id"),
        "codes",
        F.transform(depths, lambda n: _printed(F.slice("codes", 1, n))).alias("prefixes"),
        "dedup_index",
        "content_hash",
        "quantization_error",
        F.lit(run_date).cast("date").alias("valid_from"),
    )


def printed(codes: str) -> Column:
    """Return the codes column printed without a dedup index."""
    return _printed(F.col(codes))


def _printed(codes: Column) -> Column:
    return F.array_join(codes.cast("array<string>"), "-")
