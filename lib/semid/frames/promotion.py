"""What a new codebook version moves, counted item by item against the active one."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.tables.intervals import common_prefix


def to_prefix_counts(staged: DataFrame, active: DataFrame) -> DataFrame:
    """Return how many items keep how many leading codes.

    Args:
        staged: Rows of the new version.
        active: Open rows of the active version.

    Returns:
        edited (whether the content changed, too), common_prefix, items, same_ids (items whose printed ID stays),
        old_error and new_error (sums of their squared errors): at most two rows per depth.
    """
    old, new = (
        rows.select(
            "item_id",
            F.col("codes").alias(f"{side}_codes"),
            F.col("semantic_id").alias(f"{side}_id"),
            F.col("content_hash").alias(f"{side}_hash"),
            F.col("quantization_error").cast("double").alias(f"{side}_error"),
        )
        for side, rows in (("old", active), ("new", staged))
    )
    edited = (F.col("old_hash") != F.col("new_hash")).alias("edited")
    common = common_prefix("old_codes", "new_codes").alias("common_prefix")
    return (
        old.join(new, "item_id")
        .groupBy(edited, common)
        .agg(
            F.count("*").alias("items"),
            F.count_if(F.col("old_id") == F.col("new_id")).alias("same_ids"),
            F.sum("old_error").alias("old_error"),
            F.sum("new_error").alias("new_error"),
        )
        .select("edited", "common_prefix", "items", "same_ids", "old_error", "new_error")
    )
