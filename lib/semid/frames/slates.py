"""Slates on Spark: candidates with the codes that readers see in, re-ranked rows out."""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from semid.downstream.slates import SlateParams, rerank_batches
from semid.errors import InputRefused
from semid.tables.intervals import only_open
from semid.tables.registry import Card
from semid.tables.store import Store

SCHEMA = "slate_id STRING, position INT, item_id STRING, relevance DOUBLE, source_position INT"


def to_candidates(table: DataFrame) -> DataFrame:
    """Return (slate_id, item_id, relevance) of a table of candidates, checked.

    Args:
        table: With slate_id, item_id, and relevance or, in its place, rank: 1 for the best.

    Raises:
        InputRefused: Lists what is wrong: columns, values that are missing or not finite, items twice in a slate.
    """
    score = "relevance" if "relevance" in table.columns else "rank"
    wanted = {"slate_id": "a slate", "item_id": "an item", score: "a relevance, or a rank in its place"}
    if missing := [f"no column {name}: {what}" for name, what in wanted.items() if name not in table.columns]:
        raise InputRefused("the file is no table of slates", where="--slates", problems=missing)
    number = F.col(score).try_cast("double")
    rows = table.select(
        F.col("slate_id").cast("string").alias("slate_id"),
        F.col("item_id").cast("string").alias("item_id"),
        (number if score == "relevance" else -number).alias("relevance"),
    )
    _check(rows, score)
    return rows


def with_codes(candidates: DataFrame, store: Store, version: int, levels: int) -> DataFrame:
    """Add `content_hash` and `codes` of the open IDs of a codebook version, and `has_id`.

    An item without an ID shares no prefix with any other: it gets codes of its own, below 0.
    """
    ids = only_open(store.read("semantic_id"), [version]).select("item_id", "codes", "content_hash")
    own = F.array_repeat((-1 - F.pmod(F.xxhash64("item_id"), F.lit(2**31 - 1))).cast("int"), levels)
    has_id = F.col("codes").isNotNull().alias("has_id")
    joined = candidates.join(ids, "item_id", "left")
    return joined.select(*candidates.columns, "content_hash", F.coalesce("codes", own).alias("codes"), has_id)


def with_vectors(candidates: DataFrame, store: Store, card: Card) -> DataFrame:
    """Add `embedding`, all zeros where a content has none: such a vector has no direction to repeat."""
    vectors = store.read("item_embedding").where(F.col("model") == card.model)
    known = vectors.select("dim").first()
    none = F.array_repeat(F.lit(0.0).cast("float"), known.dim if known else 1)
    joined = candidates.join(vectors.select("content_hash", "embedding"), "content_hash", "left")
    return joined.select(*candidates.columns, F.coalesce("embedding", none).alias("embedding"))


def to_slates(candidates: DataFrame) -> DataFrame:
    """Return one row per slate: slate_id, and a list of each other column, the most relevant candidate first."""
    listed = [name for name in ("item_id", "relevance", "codes", "embedding") if name in candidates.columns]
    one = F.struct((-F.col("relevance")).alias("less"), *listed)  # equal relevance: by item id
    slates = candidates.groupBy("slate_id").agg(F.array_sort(F.collect_list(one)).alias("one"))
    return slates.select("slate_id", *[F.col(f"one.{name}").alias(name) for name in listed])


def reranked(slates: DataFrame, params: SlateParams) -> DataFrame:
    """Return the rows of `SCHEMA`, see `downstream.slates`."""
    return slates.mapInArrow(partial(rerank_batches, params=params), SCHEMA)


def counts(candidates: DataFrame) -> dict[str, int]:
    """Return the numbers of candidates, of slates, and of candidates without an ID."""
    found = candidates.agg(
        F.count("*").alias("candidates"),
        F.count_distinct("slate_id").alias("slates"),
        F.count_if(~F.col("has_id")).alias("without_id"),
    )
    return {name: int(number) for name, number in found.collect()[0].asDict().items()}


def _check(rows: DataFrame, score: str) -> None:
    bad = F.col("slate_id").isNull() | F.col("item_id").isNull() | ~_finite(F.col("relevance"))
    twice = F.count("*") - F.count_distinct(F.struct("slate_id", "item_id"))
    found = rows.agg(F.count("*").alias("rows"), F.count_if(bad).alias("bad"), twice.alias("twice")).collect()[0]
    problems = ["no rows"] if not found.rows else []
    problems += [f"{found.bad:,} rows lack a slate_id, an item_id or a finite {score}"] if found.bad else []
    problems += [f"{found.twice:,} rows name an item that its slate has already"] if found.twice else []
    if problems:
        raise InputRefused("slates cannot be re-ranked", where="--slates", problems=problems)


def _finite(number: Column) -> Column:
    return F.coalesce(F.abs(number) < float("inf"), F.lit(False))  # to Spark, NaN is above infinity
