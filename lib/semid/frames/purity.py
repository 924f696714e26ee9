"""How well codes agree with the feed's categories: the share of the commonest category of every prefix."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from semid.frames.labels import nodes

DEEPEST = 8
"""Category depths that are tried; the deepest path seen had 7 (Beauty)."""


def to_purity(members: DataFrame) -> DataFrame:
    """Return (prefix, purity): the share of the commonest category among the prefix's items that have one.

    Categories are paths, cut at the depth that fits the prefix's level best: the one with the highest normalised
    mutual information between the codes of that level and the cut paths (of equals the coarser). A fixed depth would
    call every code pure (all of Beauty is "Beauty") or none (3,903 leaves against 256 codes).

    Args:
        members: From `to_members`.
    """
    cells = _cells(members)
    code, other = Window.partitionBy("depth", "level", "prefix"), Window.partitionBy("depth", "level", "path")
    sums = cells.select("*", F.sum("n").over(code).alias("of_code"), F.sum("n").over(other).alias("of_path"))
    best = Window.partitionBy("level").orderBy(F.desc("fit"), "depth")
    fits = _fits(sums).withColumn("rank", F.row_number().over(best)).where("rank = 1").select("level", "depth")
    chosen = sums.join(F.broadcast(fits), ["level", "depth"]).groupBy("prefix")
    return chosen.agg((F.max("n") / F.max("of_code")).alias("purity")).select("prefix", "purity")


def _cells(members: DataFrame) -> DataFrame:
    """Return (depth, level, prefix, path, n): items of a prefix with a category path cut at that depth."""
    categories = members.where(F.size("category") > 0).groupBy("prefixes", "category").agg(F.count("*").alias("n"))
    depths = F.explode(F.sequence(F.lit(1), F.lit(DEEPEST))).alias("depth")
    cut = F.slice(F.col("category"), F.lit(1), F.col("depth"))
    cuts = categories.select("prefixes", "category", "n", depths)
    cells = cuts.select("depth", cut.alias("path"), "n", F.inline(nodes()))
    return cells.groupBy("depth", "level", "prefix", "path").agg(F.sum("n").alias("n"))


def _fits(sums: DataFrame) -> DataFrame:
    """Return (level, depth, fit): mutual information over the mean of both entropies, to nine digits.

    From sums of n log n: H(codes) = log N - sum n_code log n_code / N, and so for paths and for cells.
    """
    total = sums.groupBy("level", "depth").agg(
        F.sum("n").alias("total"),
        F.sum(F.col("n") * F.log("n")).alias("cells"),
        F.sum(F.col("n") * F.log("of_code")).alias("codes"),
        F.sum(F.col("n") * F.log("of_path")).alias("paths"),
    )
    log_total = F.log("total")
    codes, paths, cells = (log_total - F.col(name) / F.col("total") for name in ("codes", "paths", "cells"))
    fit = 2 * (codes + paths - cells) / F.greatest(codes + paths, F.lit(1e-12))
    return total.select("level", "depth", F.round(fit, 9).alias("fit"))
