"""A feed from its files to counted, judged rows; or the refusal of the whole feed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from semid.config import CatalogConfig, SemidConfig
from semid.errors import InputRefused, SemidError
from semid.frames.changes import REMOVED
from semid.frames.ingest import Feed, fixed_splits, refuse_unreadable, to_feed_rows
from semid.frames.validate import (
    GOOD,
    IDENTICAL,
    QUARANTINED,
    SUPERSEDED,
    to_checked_rows,
    to_decisions,
    usual_dim,
    with_outcome,
    with_vector_reason,
)
from semid.text.record import Rules
from semid.text.render import template

NO_CHANGE = dict.fromkeys(("new", "changed", "returned", REMOVED, "content_changed"), 0)
"""What becomes of no item; the last counts those of the changed ones that have another content."""
_EXAMPLES = 10


@dataclass(frozen=True)
class Judged:
    """The rows of a feed, each with its outcome, and how many were read."""

    rows: DataFrame
    read: int


@dataclass(frozen=True)
class Counts:
    """What became of the rows of a feed.

    Attributes:
        read: Rows read.
        outcomes: Rows per outcome; they add up to `read`.
        reasons: Quarantined rows per reason; a row with two reasons counts twice.
        truncated: Items whose text was cut.
        bad_prices: Items whose price could not be read.
        case_only_ids: Items whose id differs from another one's only by case.
    """

    read: int
    outcomes: Mapping[str, int]
    reasons: Mapping[str, int]
    truncated: int
    bad_prices: int
    case_only_ids: int

    @property
    def good(self) -> int:
        """Rows that are items."""
        return self.outcomes.get(GOOD, 0)

    @property
    def quarantined(self) -> int:
        """Rows that were set aside."""
        return self.outcomes.get(QUARANTINED, 0)

    def metrics(self) -> dict[str, object]:
        """Return the counts for the run row."""
        return {
            "good": self.good,
            "quarantined": self.quarantined,
            "duplicates_dropped": self.outcomes.get(IDENTICAL, 0),
            "superseded": self.outcomes.get(SUPERSEDED, 0),
            "truncated": self.truncated,
            "bad_prices": self.bad_prices,
            "case_only_ids": self.case_only_ids,
            "reasons": dict(self.reasons),
        }


def rules_of(config: SemidConfig) -> Rules:
    """Return the rules for rows that the configuration states.

    Raises:
        ConfigError: The text template names an unknown field.
    """
    catalog, text = config.catalog, config.text
    return Rules(
        template(text.parts, text.separator, catalog.attributes),
        catalog.attributes,
        catalog.category_separator,
        text.max_bytes,
        text.reject_bytes,
        config.embedding.supplied,
    )


@contextmanager
def judged_rows(spark: SparkSession, feed: Feed, rules: Rules, dim: int | None) -> Iterator[Judged]:
    """Read the feed once and hold its rows, each with its outcome, until the block ends.

    Args:
        spark: The session.
        feed: The feed.
        rules: The rules for single rows.
        dim: Width of the vectors that are stored; None takes the width of most supplied vectors.

    Raises:
        InputRefused: A file cannot be read.
    """
    # On disk: the rows with their JSON are the largest thing of the night, and are read four times.
    checked = to_checked_rows(to_feed_rows(spark, feed), feed, rules).persist(StorageLevel.DISK_ONLY)
    with fixed_splits(spark, feed), refuse_unreadable(feed):
        read = checked.count()
    width = (dim or usual_dim(checked)) if rules.supplied else None
    sized = checked if width is None else with_vector_reason(checked, width)
    decisions = to_decisions(sized).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        yield Judged(with_outcome(sized, decisions, decisions.count()), read)
    finally:
        decisions.unpersist()
        checked.unpersist()


def count_rows(judged: Judged) -> Counts:
    """Return the counts of judged rows.

    Raises:
        SemidError: The outcomes do not add up: a row was lost or doubled.
    """
    rows, item = judged.rows, F.col("outcome") == GOOD
    by_outcome = rows.groupBy("outcome").agg(
        F.count("*").alias("rows"),
        F.count_if(item & F.col("truncated")).alias("truncated"),
        F.count_if(item & F.col("bad_price")).alias("bad_prices"),
    )
    found = {row["outcome"]: row for row in by_outcome.collect()}
    alike = rows.where(item).groupBy(F.lower("item_id").alias("folded")).count().where("count > 1")
    outcomes = {name: int(row["rows"]) for name, row in found.items()}
    if sum(outcomes.values()) != judged.read:
        raise SemidError(
            f"{judged.read} rows were read, {sum(outcomes.values())} have an outcome", where=f"outcomes {outcomes}"
        )
    good = found.get(GOOD)
    return Counts(
        judged.read,
        outcomes,
        _count_reasons(rows) if QUARANTINED in found else {},
        int(good["truncated"]) if good else 0,
        int(good["bad_prices"]) if good else 0,
        int(alike.agg(F.coalesce(F.sum("count"), F.lit(0))).collect()[0][0]),
    )


def refuse_bad_feed(rows: DataFrame, counts: Counts, catalog: CatalogConfig) -> None:
    """Refuse a feed without rows, or with too many that cannot be taken.

    Raises:
        InputRefused: Names the reasons with their counts, and some of the rows.
    """
    where = f"catalog.path: {catalog.path}"
    if counts.read == 0:
        raise InputRefused("the feed has no rows", where=where, next_step="check that the feed was delivered")
    share = counts.quarantined / counts.read
    if share <= catalog.max_quarantined and counts.good:
        return
    problems = [f"{reason}: {count:,} rows" for reason, count in list(counts.reasons.items())[:6]]
    bad = rows.where("outcome = 'quarantined'").orderBy("source_row").select("source_row", "reasons")
    examples = [f"{row['source_row']} ({', '.join(row['reasons'])})" for row in bad.head(_EXAMPLES)]
    raise InputRefused(
        f"{counts.quarantined:,} of {counts.read:,} rows ({share:.1%}) cannot be taken, "
        f"{catalog.max_quarantined:.1%} are allowed (catalog.max_quarantined)",
        where=where,
        problems=[*problems, f"for example {'; '.join(examples)}"],
        next_step="correct the feed, or raise catalog.max_quarantined if these rows can be spared",
    )


def refuse_shrunken(changes: Mapping[str, int], stored: DataFrame, catalog: CatalogConfig) -> None:
    """Refuse a snapshot that would remove too many of the active items of the stored catalog.

    Raises:
        InputRefused: Names the share.
    """
    removed = changes[REMOVED]
    active = stored.where("is_active").count() if removed else 0
    if removed > catalog.max_removed * active:
        raise InputRefused(
            f"the snapshot lacks {removed:,} of {active:,} active items ({removed / active:.1%}), "
            f"{catalog.max_removed:.1%} may be removed at once (catalog.max_removed)",
            where=f"catalog.path: {catalog.path}",
            next_step="check that the delivery is complete; if it is, raise catalog.max_removed, "
            "or set catalog.mode=increment if the feed is no snapshot",
        )


def count_changes(differences: DataFrame) -> dict[str, int]:
    """Return the number of items per change, and how many of the changed ones have another content."""
    grouped = differences.groupBy("change").agg(F.count("*").alias("n"), F.count_if("content_changed").alias("content"))
    found = {row["change"]: (int(row["n"]), int(row["content"])) for row in grouped.collect()}
    counts = {change: items for change, (items, _) in found.items() if change in NO_CHANGE}
    return NO_CHANGE | counts | {"content_changed": found.get("changed", (0, 0))[1]}


def _count_reasons(rows: DataFrame) -> dict[str, int]:
    bad = rows.where(F.col("outcome") == QUARANTINED).select(F.explode("reasons").alias("reason"))
    counted = bad.groupBy("reason").count().orderBy(F.desc("count"), "reason")
    return {row["reason"]: int(row["count"]) for row in counted.collect()}
