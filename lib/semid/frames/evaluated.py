"""What `semid evaluate` counts in Spark. Only counts and a bounded sample of the contents reach the driver."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.frames.vectors import to_codes, to_matrix
from semid.measure.buckets import BucketSizes
from semid.measure.evaluation import EvaluationSample, PairCounts
from semid.measure.popularity import SLICES, traffic_cuts


def to_items(ids: DataFrame, catalog: DataFrame, visited: DataFrame | None) -> DataFrame:
    """Return (item_id, codes, content_hash, category, slice) of the active items that have codes.

    Args:
        ids: (item_id, codes), and content_hash when it is known which content the codes were computed from.
        catalog: item_catalog.
        visited: (item_id, interactions); None leaves `slice` empty.
    """
    active = catalog.where("is_active")
    ours = ["item_id", "category"] if "content_hash" in ids.columns else ["item_id", "category", "content_hash"]
    items = ids.join(active.select(*ours), "item_id")
    part = F.lit("")
    if visited is not None:
        items = items.join(visited, "item_id", "left")
        head, mid = _cuts(items.select("interactions"))
        times = F.coalesce("interactions", F.lit(0))
        part = F.when(times >= head, SLICES[0]).when(times >= mid, SLICES[1]).otherwise(SLICES[2])
    return items.select("item_id", "codes", "content_hash", "category", part.alias("slice"))


def to_contents(items: DataFrame) -> DataFrame:
    """Return (content_hash, codes, category, slice), one row per distinct text: those of its first item."""
    first = F.min_by(F.struct("codes", "category", "slice"), "item_id").alias("first")
    return items.groupBy("content_hash").agg(first).select("content_hash", "first.*")


def coverage(ids: DataFrame, catalog: DataFrame) -> tuple[int, int]:
    """Return how many active items have no codes, and how many rows of `ids` no active item."""
    active = catalog.where("is_active").select("item_id", F.lit(True).alias("listed"))
    both = ids.select("item_id", F.lit(True).alias("coded")).join(active, "item_id", "full")
    uncoded, unlisted = F.count_if(F.col("coded").isNull()), F.count_if(F.col("listed").isNull())
    row = both.agg(uncoded.alias("uncoded"), unlisted.alias("unlisted")).collect()[0]
    return int(row["uncoded"]), int(row["unlisted"])


def bucket_sizes(rows: DataFrame) -> tuple[BucketSizes, dict[str, NDArray[np.int64]]]:
    """Return the sizes of the buckets of `rows` (codes, slice), and how many rows of each slice those sizes hold."""
    parts = [F.count_if(F.col("slice") == part).alias(part) for part in SLICES]
    buckets = rows.groupBy("codes").agg(F.count("*").alias("size"), *parts)
    sums = [F.sum(part).alias(part) for part in SLICES]
    found = buckets.groupBy("size").agg(F.count("*").alias("buckets"), *sums).orderBy("size").toArrow()
    columns = {name: found.column(name).to_numpy().astype(np.int64) for name in found.column_names}
    return BucketSizes(columns["size"], columns["buckets"]), {part: columns[part] for part in SLICES}


def level_counts(contents: DataFrame, sizes: Sequence[int]) -> list[NDArray[np.int64]]:
    """Return per level how many contents have each code; a level grows to its largest code.

    Args:
        contents: (codes).
        sizes: Codes per level, as far as they are known.
    """
    coded = contents.select(F.posexplode("codes").alias("position", "code"))
    rows = coded.groupBy("position", "code").count().collect()
    levels = 1 + max(row["position"] for row in rows)
    counts = []
    for level in range(levels):
        here = {row["code"]: row["count"] for row in rows if row["position"] == level}
        known = sizes[level] if level < len(sizes) else 0
        use = np.zeros(max(known, 1 + max(here)), np.int64)
        use[list(here)] = list(here.values())
        counts.append(use)
    return counts


def collect_sample(contents: DataFrame, vectors: DataFrame, rows: int, salt: str) -> EvaluationSample:
    """Return at most `rows` contents with vectors and codes, those with the smallest hashes, in that order.

    Args:
        contents: What `to_contents` returned.
        vectors: (content_hash, embedding) of one model.
        rows: Bound of what the driver holds.
        salt: Another one chooses other contents.
    """
    order = F.xxhash64("content_hash", F.lit(salt)).alias("place")
    chosen = contents.select("*", order).orderBy("place", "content_hash").limit(rows + 1)
    found = chosen.join(vectors.select("content_hash", "embedding"), "content_hash").toArrow()
    table = found.sort_by([("place", "ascending"), ("content_hash", "ascending")])
    return _sample(table.slice(0, rows), complete=len(table) <= rows)


def pair_counts(items: DataFrame, pairs: DataFrame, levels: int) -> PairCounts:
    """Return how many pairs (left, right) share their first codes, and how many of all left-right combinations do."""
    codes = items.select("item_id", "codes")
    left = codes.select(F.col("item_id").alias("left"), F.col("codes").alias("a"))
    right = codes.select(F.col("item_id").alias("right"), F.col("codes").alias("b"))
    coded = pairs.join(left, "left").join(right, "right").select("a", "b")
    depth = F.explode(F.sequence(F.lit(1), F.lit(levels))).alias("depth")
    cut = coded.select("a", "b", depth).select(
        "depth", *[F.expr(f"slice({side}, 1, depth)").alias(side) for side in "ab"]
    )
    sides = cut.select("depth", F.col("a").alias("prefix"), F.lit(1).alias("a"), F.lit(0).alias("b"))
    sides = sides.unionByName(cut.select("depth", F.col("b").alias("prefix"), F.lit(0).alias("a"), F.lit(1).alias("b")))
    prefixes = sides.groupBy("depth", "prefix").agg((F.sum("a") * F.sum("b")).alias("across"))
    across = prefixes.groupBy("depth").agg(F.sum("across").alias("across"))
    shared = cut.groupBy("depth").agg(F.count("*").alias("pairs"), F.count_if(F.col("a") == F.col("b")).alias("shared"))
    rows = sorted(shared.join(across, "depth").collect(), key=lambda row: row["depth"])
    counts = [np.array([row[name] for row in rows], np.int64) for name in ("shared", "across")]
    return PairCounts(rows[0]["pairs"] if rows else 0, counts[0], counts[1])


def _cuts(visits: DataFrame) -> tuple[int, int]:
    rows = visits.where("interactions IS NOT NULL").groupBy("interactions").count().collect()
    return traffic_cuts({row["interactions"]: row["count"] for row in rows})


def _sample(table: pa.Table, complete: bool) -> EvaluationSample:
    columns = {name: table.column(name).combine_chunks() for name in ("embedding", "codes")}
    levels = len(table.column("codes")[0]) if len(table) else 0
    slices = np.array(table.column("slice").to_pylist(), dtype=str)
    paths = table.column("category").to_pylist()
    return EvaluationSample(
        to_matrix(columns["embedding"]), to_codes(columns["codes"], levels), paths, slices, complete
    )
