"""Which old codes the codes of a new version took over."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

LEAST_PURITY = 0.01
"""Pairs below are left out, except the heaviest one of each new code: together they move a mean by a few per cent."""


def to_code_map(old: DataFrame, new: DataFrame) -> DataFrame:
    """Return (level, old_code, new_code, weight, purity), counted over the items that both versions have.

    Purity is the share of the new code's items that come from the old code, so that
    E_new[a] = sum over b of purity(b, a) E_old[b] carries a trained table of code embeddings over.

    Args:
        old: item_id and codes of the active version.
        new: item_id and codes of the new version.
    """
    both = old.select("item_id", F.col("codes").alias("old")).join(
        new.select("item_id", F.col("codes").alias("new")), "item_id"
    )  # fmt: skip
    pairs = both.select(F.posexplode(F.arrays_zip("old", "new")).alias("position", "pair"))
    coded = pairs.where("pair.old IS NOT NULL AND pair.new IS NOT NULL")
    level = (F.col("position") + 1).cast("int").alias("level")
    counted = coded.groupBy(level, F.col("pair.old").alias("old_code"), F.col("pair.new").alias("new_code"))
    weights = counted.agg(F.count("*").alias("weight"))
    code = Window.partitionBy("level", "new_code")
    purity = F.col("weight") / F.sum("weight").over(code)
    rank = F.row_number().over(code.orderBy(F.desc("weight"), "old_code"))
    ranked = weights.select("*", purity.alias("purity"), rank.alias("rank"))
    kept = ranked.where((F.col("purity") >= LEAST_PURITY) | (F.col("rank") == 1))
    return kept.select("level", "old_code", "new_code", "weight", "purity")
