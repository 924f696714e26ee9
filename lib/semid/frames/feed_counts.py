"""What a feed would bring, counted without taking it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import SparkSession

from semid.config import SemidConfig
from semid.errors import InputRefused, SemidError
from semid.frames.feed_files import find_feed
from semid.frames.ingest import open_feed
from semid.frames.intake import Counts, count_rows, judged_rows, rules_of


def feed_counts(spark: SparkSession, config: SemidConfig) -> Counts:
    """Return what the rows of the feed would become, by the rules for single rows; nothing is written."""
    rules = rules_of(config)
    with judged_rows(spark, open_feed(spark, config, rules.template), rules, None) as judged:
        return count_rows(judged)


def refuse_missing(spark: SparkSession, feeds: Mapping[object, SemidConfig]) -> None:
    """Refuse feeds of which some are not there, before any of them is taken.

    Args:
        spark: The session.
        feeds: The configuration of each date.

    Raises:
        InputRefused: Lists every date whose feed is missing, with its path.
    """
    missing = [f"{day}: {problem}" for day, config in feeds.items() for problem in _problems(spark, config)]
    if missing:
        raise InputRefused(
            f"{len(missing)} of {len(feeds)} feeds cannot be had",
            where="--catalog",
            problems=missing,
            next_step="bring these feeds, or leave their dates out: a backfill never skips a date by itself",
        )


def _problems(spark: SparkSession, config: SemidConfig) -> Sequence[str]:
    try:
        find_feed(spark, config.catalog)
    except SemidError as error:
        return [f"{error.what}, {error.where}"]
    return []
