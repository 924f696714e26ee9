"""Pairs of items that belong together (`codebook.pairs`): from files of item ids to rows of the training sample."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass

import numpy as np
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.window import Window

from semid.config import CatalogConfig, CodebookConfig
from semid.errors import InputRefused
from semid.frames.feed_files import FeedFiles, find_feed, fingerprint_of_files, glob_escaped
from semid.measure.fit import learner_of
from semid.quantize.pairs import Pairs

log = logging.getLogger(__name__)

ENDS = ("item_id_a", "item_id_b")
MOST = 5_000_000
"""Most pairs that train, chosen by hash: 120 MB of rows and weights on the driver."""


@dataclass(frozen=True)
class PairCounts:
    """What became of the rows of `codebook.pairs`.

    Attributes:
        read: Rows.
        unknown: Rows with an end that is no active item, or none at all.
        weightless: Rows of known items whose weight is null, not positive or not finite.
        outside: Rows of known items with an end whose content is not in the training sample.
        alike: Rows between two items of one content.
    """

    read: int
    unknown: int
    weightless: int
    outside: int
    alike: int


def pairs_fingerprint(spark: SparkSession, settings: CodebookConfig) -> str:
    """Return what tells one state of the pairs from another; empty when none are configured or there."""
    if settings.pairs is None:
        return ""
    try:
        return fingerprint_of_files(spark, _find(spark, settings))
    except InputRefused:
        return ""  # the job that trains refuses; the others do not need them


def collect_pairs_of(
    spark: SparkSession, settings: CodebookConfig, sample: DataFrame, items: DataFrame
) -> Pairs | None:
    """Return the configured pairs as row numbers of the sample sorted by content hash; None when none are configured.

    A pair has no direction; the weights of its rows are added.

    Args:
        spark: The session.
        settings: Where the pairs are, and the kind that shall learn from them.
        sample: (content_hash, ...) the training sample.
        items: (item_id, content_hash) of the active items.

    Raises:
        ConfigError: The kind cannot learn from pairs.
        InputRefused: The pairs are not there, have no such columns, or none lies inside the sample.
    """
    if settings.pairs is None:
        return None
    learner_of(settings)
    given = read_pairs(spark, settings)
    located = to_located(given, items, sample).persist()
    counts = count_pairs(located)
    log.info("    pairs: %s", ", ".join(f"{name} {n:,}" for name, n in asdict(counts).items()))
    pairs = _collect(to_row_pairs(located))
    located.unpersist()
    if not len(pairs):
        raise InputRefused(
            "no pair names two contents of the training sample",
            where=f"codebook.pairs: {settings.pairs}",
            problems=[f"{name}: {n:,}" for name, n in asdict(counts).items()],
            next_step="check that its item ids are the catalog's, or --set codebook.pairs=null",
        )
    return pairs


def read_pairs(spark: SparkSession, settings: CodebookConfig) -> DataFrame:
    """Return the configured pairs: item_id_a, item_id_b (string), weight (double, 1 where there is no such column).

    Raises:
        InputRefused: They are not there, are neither Parquet nor Delta, or lack a column.
    """
    found = _find(spark, settings)
    reader = spark.read.format(found.format)
    frame = (
        reader.option("versionAsOf", found.version).load(found.uri)
        if found.version is not None
        else reader.load([glob_escaped(file.uri) for file in found.files])
    )
    types = {field.name: field.dataType for field in frame.schema}
    problems = [f"no column {name}, there are {', '.join(types)}" for name in ENDS if name not in types]
    if not isinstance(types.get("weight", T.DoubleType()), T.NumericType):
        problems.append(f"weight is {types['weight'].simpleString()}, not a number")
    if problems:
        raise _refused(settings, "the pairs lack what is needed of them", problems)
    weight = F.col("weight").cast("double") if "weight" in types else F.lit(1.0)
    return frame.select(*(F.col(name).cast("string").alias(name) for name in ENDS), weight.alias("weight"))


def to_located(pairs: DataFrame, items: DataFrame, sample: DataFrame) -> DataFrame:
    """Return each pair's weight, whether both items are known, and the sample rows `a` and `b` (null: outside)."""
    order = Window.orderBy("content_hash")
    rows = sample.select("content_hash", (F.row_number().over(order) - 1).alias("row"))
    known = items.select("item_id", "content_hash").join(rows, "content_hash", "left")
    for end, name in zip(("a", "b"), ENDS, strict=True):
        own = known.select(F.col("item_id").alias(name), F.col("row").alias(end), F.lit(True).alias(f"known_{end}"))
        pairs = pairs.join(own, name, "left")
    both = F.coalesce(F.col("known_a") & F.col("known_b"), F.lit(False))
    heavy = F.coalesce((F.col("weight") > 0) & (F.col("weight") < float("inf")), F.lit(False))
    return pairs.select("weight", both.alias("known"), heavy.alias("heavy"), "a", "b")


def count_pairs(located: DataFrame) -> PairCounts:
    """Count what `to_located` returned."""
    known, inside = F.col("known"), F.col("a").isNotNull() & F.col("b").isNotNull()
    conditions = {
        "read": F.lit(True),
        "unknown": ~known,
        "weightless": known & ~F.col("heavy"),
        "outside": known & F.col("heavy") & ~inside,
        "alike": known & F.col("heavy") & inside & (F.col("a") == F.col("b")),
    }
    row = located.agg(*(F.count_if(condition).alias(name) for name, condition in conditions.items())).collect()[0]
    return PairCounts(**row.asDict())


def to_row_pairs(located: DataFrame) -> DataFrame:
    """Return (a, b, weight) with a < b, one row per pair, at most `MOST` of them."""
    inside = located.where(F.col("heavy") & (F.col("a") != F.col("b")))
    ends = F.least("a", "b").alias("a"), F.greatest("a", "b").alias("b")
    # summed in sorted order: the sum of doubles in the order of arrival would differ in last bits
    ordered = F.array_sort(F.collect_list("weight"))
    total = F.aggregate(ordered, F.lit(0.0), lambda sum_, weight: sum_ + weight).alias("weight")
    pairs = inside.select(*ends, "weight").groupBy("a", "b").agg(total)
    return pairs.orderBy(F.xxhash64("a", "b"), "a", "b").limit(MOST).select("a", "b", "weight")


def _collect(pairs: DataFrame) -> Pairs:
    table = pairs.toArrow().sort_by([("a", "ascending"), ("b", "ascending")])
    rows = np.stack([table.column(name).to_numpy().astype(np.int64) for name in ("a", "b")], axis=1)
    return Pairs(rows, table.column("weight").to_numpy().astype(np.float64))


def _find(spark: SparkSession, settings: CodebookConfig) -> FeedFiles:
    asked = CatalogConfig.model_construct(path=settings.pairs, format="auto")
    try:
        found = find_feed(spark, asked, "the table of pairs")
    except InputRefused as error:
        raise _refused(settings, error.what, list(error.problems)) from error
    if found.format not in ("parquet", "delta"):
        raise _refused(settings, "the pairs are neither Parquet nor Delta", [f"found {found.format}"])
    return found


def _refused(settings: CodebookConfig, what: str, problems: list[str]) -> InputRefused:
    return InputRefused(
        what,
        where=f"codebook.pairs: {settings.pairs}",
        problems=problems,
        next_step="give a Parquet file or a Delta table of item_id_a, item_id_b and, if wanted, weight",
    )
