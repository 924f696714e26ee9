"""Ranking features on Spark: the open IDs in, a row of features per item and the sizes of their tables out."""

from __future__ import annotations

from functools import partial

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.downstream.features import KINDS, FeatureParams, feature_batches, table_rows
from semid.downstream.pieces import Pieces, fit_pieces
from semid.errors import InputRefused
from semid.frames.vectors import to_codes

SCHEMA = "item_id STRING, " + ", ".join(f"{kind} ARRAY<INT>" for kind in KINDS)


def to_pieces(ids: DataFrame, traffic: DataFrame | None, sizes: tuple[int, ...], vocabulary: int) -> Pieces:
    """Return the pieces of the IDs, see `pieces.fit_pieces`; only distinct IDs and their counts reach the driver.

    Args:
        ids: (item_id, codes).
        traffic: (item_id, interactions) that each item counts with; once each when None.
        sizes: Codes per level.
        vocabulary: Rows of the table.

    Raises:
        InputRefused: No item with an ID has traffic.
    """
    counted = ids.withColumn("interactions", F.lit(1))
    if traffic is not None:
        counted = ids.join(traffic, "item_id")
    words = counted.groupBy("codes").agg(F.sum("interactions").alias("times")).orderBy("codes").toArrow()
    if not len(words):
        raise InputRefused("no item with an ID has traffic", where="--traffic")
    codes = to_codes(words.column("codes").combine_chunks(), len(sizes))
    return fit_pieces(codes, sizes, vocabulary, words.column("times").to_numpy().astype(np.int64))


def to_features(ids: DataFrame, pieces: Pieces, params: FeatureParams) -> DataFrame:
    """Return the rows of `SCHEMA` of (item_id, codes), see `downstream.features`."""
    batches = partial(feature_batches, pieces=pieces, params=params)
    return ids.select("item_id", "codes").mapInArrow(batches, SCHEMA)


def to_vocabularies(features: DataFrame, pieces: Pieces, params: FeatureParams) -> DataFrame:
    """Return a row per feature: feature, table_rows, rows_used, look_ups (mean rows of an item)."""
    named = F.explode(F.create_map(*[part for kind in KINDS for part in (F.lit(kind), F.col(kind))]))
    looked = features.select(named.alias("feature", "rows")).withColumn("width", F.size("rows"))
    widths = looked.groupBy("feature").agg(F.avg("width").alias("look_ups"))
    used = looked.select("feature", F.explode("rows").alias("row")).distinct().groupBy("feature")
    rows = F.create_map(*[F.lit(part) for pair in table_rows(pieces, params).items() for part in pair])
    both = widths.join(used.agg(F.count("*").alias("rows_used")), "feature")
    return both.select(
        "feature", F.element_at(rows, F.col("feature")).cast("long").alias("table_rows"), "rows_used", "look_ups"
    )
