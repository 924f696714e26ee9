"""What the gate needs to know of a staged run, counted by Spark: one row of facts and the codes' counts.

All frames hold one codebook version. Nothing here grows with the catalog on the driver: one row of facts, and
one row per level and code.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from semid.measure.drift import Counts, LevelCounts, Profile


def profile(staged: DataFrame, ids: DataFrame, catalog: DataFrame, changes: DataFrame, sizes: Sequence[int]) -> Profile:
    """Return what there is to know about a staged run.

    Args:
        staged: Rows of semantic_id_staged.
        ids: Rows of semantic_id, history included.
        catalog: item_catalog.
        changes: Rows of semantic_id_change that gave IDs of this version.
        sizes: Number of codes per level.
    """
    items = to_items(staged, ids.where("valid_to IS NULL"), catalog).persist()
    contents = to_contents(items).persist()
    try:
        parts = [
            to_item_facts(items),
            to_staged_facts(staged, sizes),
            to_shared_ids(items),
            to_reused_ids(staged, ids, changes),
            to_bucket_facts(contents),
        ]
        (facts,) = reduce(DataFrame.crossJoin, parts).collect()
        counts = to_code_counts(contents).collect()
    finally:
        contents.unpersist()
        items.unpersist()
    difference = abs(facts["state_rows"] - facts["active_items"])
    levels = [_level_counts(counts, level, size) for level, size in enumerate(sizes, 1)]
    return Profile({**facts.asDict(), "row_difference": difference}, levels)


def to_items(staged: DataFrame, current: DataFrame, catalog: DataFrame) -> DataFrame:
    """Return one row per item that any side knows, with its ID rows before and after publication.

    Sound tables have at most one row per item and side. A broken one must not vanish: of several rows of a side the
    least and the greatest stand for all. (Lists of them took three times as long for a million items.)

    Returns:
        item_id, active, catalog_hash, and arrays of structs (semantic_id, codes, content_hash,
        quantization_error): current, staged, and state, which is what will be current after publication: the
        staged rows if there are any, else the current rows of an active item. state_rows is their number.
    """
    sides = [
        catalog.select("item_id", "is_active", F.col("content_hash").alias("catalog_hash")),
        current.select("item_id", _id_row().alias("on_current")),
        staged.select("item_id", _id_row().alias("on_staged")),
    ]
    items = (
        reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), sides)
        .groupBy("item_id")
        .agg(
            F.coalesce(F.bool_or("is_active"), F.lit(False)).alias("active"),
            F.max("catalog_hash").alias("catalog_hash"),
            *[column for side in ("current", "staged") for column in _ends(side)],
        )
        .select("item_id", "active", "catalog_hash", *[_rows(side) for side in ("current", "staged")], *_COUNTS)
    )
    state = _after("staged", "current", F.slice("current", 1, 0)).alias("state")
    state_rows = _after("staged_rows", "current_rows", F.lit(0)).alias("state_rows")
    return items.select("*", state, state_rows).drop(*_COUNTS)


def to_item_facts(items: DataFrame) -> DataFrame:
    """Return one row that compares, item by item, the catalog with the IDs before and after publication."""
    active, after = F.col("active"), F.size("state")
    staged, known = F.size("staged") > 0, F.size("current") > 0
    before, new = F.get("current", F.lit(0)), F.get("staged", F.lit(0))
    same_content = staged & known & (before["content_hash"] == new["content_hash"])
    changed = F.exists("staged", lambda row: ~row["semantic_id"].eqNullSafe(before["semantic_id"]))
    stale = F.exists("state", lambda row: ~row["content_hash"].eqNullSafe(F.col("catalog_hash")))
    rules = {
        "active_items": active,
        "uncovered_items": active & (after != 1),
        "items_without_id": active & (after == 0),
        "items_with_many_ids": after > 1,
        "inactive_with_id": ~active & (after > 0),
        "stale_contents": active & stale,
        "changed_ids": same_content & changed,
        "kept_items": known & (active & ~staged | same_content),
        "removed_items": known & ~active & ~staged,
        "current_items": known,
    }
    return items.agg(_total("state_rows"), *[F.count_if(rule).alias(name) for name, rule in rules.items()])


def to_staged_facts(staged: DataFrame, sizes: Sequence[int]) -> DataFrame:
    """Return one row: the number of staged rows, and of those that break each rule a single row must keep."""
    printed = _printed(F.col("codes"))
    suffix = F.when(F.col("dedup_index") > 0, F.concat(F.lit("#"), F.col("dedup_index").cast("string")))
    whole = F.when(F.col("dedup_index") >= 0, F.concat(printed, F.coalesce(suffix, F.lit(""))))
    depths = F.when(F.size("codes") > 0, F.sequence(F.lit(1), F.size("codes")))
    prefixes = F.transform(depths, lambda n: _printed(F.slice("codes", 1, n)))
    error = F.col("quantization_error")
    rules = {
        "wrong_length": F.size("codes") == len(sizes),
        "misprinted_ids": F.col("semantic_id") == whole,
        "misprinted_prefixes": F.col("prefixes") == prefixes,
        "bad_errors": (error >= 0) & (error < float("inf")),  # NaN is above infinity in Spark
    }
    for level, size in enumerate(sizes, 1):
        rules[f"codes_outside_{level}"] = F.get("codes", F.lit(level - 1)).between(0, size - 1)
    return staged.agg(F.count("*").alias("staged_rows"), *[_broken(rule).alias(name) for name, rule in rules.items()])


def to_shared_ids(items: DataFrame) -> DataFrame:
    """Return one row with the number of IDs that more than one row of the state has."""
    state = items.select(F.explode("state.semantic_id").alias("semantic_id"))
    holders = state.groupBy("semantic_id").agg(F.count("*").alias("holders"))
    return holders.agg(F.count_if(F.col("holders") > 1).alias("shared_ids"))


def to_reused_ids(staged: DataFrame, ids: DataFrame, changes: DataFrame) -> DataFrame:
    """Return one row: the number of staged items whose ID was ever given to another, also a removed, item."""
    given = ids.select("item_id", "semantic_id")
    given = given.unionByName(changes.select("item_id", F.col("new_semantic_id").alias("semantic_id")))
    others = given.select(F.col("item_id").alias("holder"), "semantic_id")
    taken = staged.select("item_id", "semantic_id").join(others, "semantic_id").where("item_id <> holder")
    return taken.agg(F.count_distinct("item_id").alias("reused_ids"))


def to_contents(items: DataFrame) -> DataFrame:
    """Return one row per distinct content and codes of the state, the arrivals and the previous release.

    A row is one of two: current or staged. Those of the state are among them, and not asked for a third time.

    Codes are compared over contents, as codebooks are trained on: a thousand variants with one text are one
    vote. Columns: codes, items (of the state), in_state, arrived, before (0 or 1), error (of an arrival).
    """
    kept = F.col("active") & (F.size("staged") == 0)  # what is staged takes the current row's place
    sides = [
        items.select(F.lit(0).alias("arrived"), kept.cast("int").alias("in_state"), F.explode("current").alias("row")),
        items.select(F.lit(1).alias("arrived"), F.lit(1).alias("in_state"), F.explode("staged").alias("row")),
    ]
    return (
        sides[0]
        .unionByName(sides[1])
        .groupBy("row.content_hash", "row.codes")
        .agg(
            F.sum("in_state").alias("items"),
            F.max("in_state").alias("in_state"),
            F.max("arrived").alias("arrived"),
            F.max(1 - F.col("arrived")).alias("before"),
            F.max(F.when(F.col("arrived") == 1, F.col("row.quantization_error"))).alias("error"),
        )
        .select("codes", "items", "in_state", "arrived", "before", "error")
    )


def to_bucket_facts(contents: DataFrame) -> DataFrame:
    """Return one row on the buckets after publication and on the arrivals' quantization error."""
    buckets = contents.groupBy("codes").agg(
        F.sum("items").alias("items"),
        F.sum("in_state").alias("contents"),
        F.sum("arrived").alias("arrived"),
        F.sum(F.col("error").cast("double")).alias("error"),
    )
    return buckets.agg(
        _total("items"),
        _total("contents"),
        F.count_if(F.col("contents") > 0).alias("distinct_codes"),
        F.max("items").alias("largest_bucket_items"),
        F.max("contents").alias("largest_bucket_contents"),
        _total("arrived").alias("arrival_contents"),
        (F.sum("error") / F.nullif(F.sum("arrived"), F.lit(0))).alias("arrival_error"),
    )


def to_code_counts(contents: DataFrame) -> DataFrame:
    """Return (level, code, state, arrivals, previous): how many contents have each code of each level."""
    coded = contents.select(F.posexplode("codes").alias("position", "code"), "in_state", "arrived", "before")
    counts = coded.groupBy("position", "code").agg(
        F.sum("in_state").alias("state"), F.sum("arrived").alias("arrivals"), F.sum("before").alias("previous")
    )
    level = (F.col("position") + 1).alias("level")
    return counts.select(level, "code", "state", "arrivals", "previous")


_COUNTS = ("current_rows", "staged_rows")


def _ends(side: str) -> list[Column]:
    row = f"on_{side}"
    return [F.count(row).alias(f"{side}_rows"), F.min(row).alias(f"{side}_least"), F.max(row).alias(f"{side}_greatest")]


def _rows(side: str) -> Column:
    both = F.array(f"{side}_least", f"{side}_greatest")
    return F.slice(both, 1, F.least(F.col(f"{side}_rows"), F.lit(2)).cast("int")).alias(side)


def _after(staged: str, current: str, nothing: Column) -> Column:
    return F.when(F.col("staged_rows") > 0, F.col(staged)).otherwise(
        F.when(F.col("active"), F.col(current)).otherwise(nothing)
    )


def _id_row() -> Column:
    return F.struct("semantic_id", "codes", "content_hash", "quantization_error")


def _printed(codes: Column) -> Column:
    # array_join skips nulls, which would print [1, null, 3] as "1-3".
    return F.when(F.size(F.array_compact(codes)) == F.size(codes), F.array_join(codes.cast("array<string>"), "-"))


def _broken(rule: Column) -> Column:
    # A comparison with null is not true: such a row breaks the rule instead of vanishing from the count.
    return F.count_if(~F.coalesce(rule, F.lit(False)))


def _total(column: str) -> Column:
    return F.coalesce(F.sum(column), F.lit(0)).alias(column)


def _level_counts(rows: Sequence[Row], level: int, size: int) -> LevelCounts:
    arrays: list[Counts] = [np.zeros(size, dtype=np.int64) for _ in range(3)]
    for row in rows:
        if row["level"] == level and row["code"] is not None and 0 <= row["code"] < size:
            for array, name in zip(arrays, ("state", "arrivals", "previous"), strict=True):
                array[row["code"]] += row[name]
    return LevelCounts(level, *arrays)
