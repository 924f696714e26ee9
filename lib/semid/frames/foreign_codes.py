"""Codes of anybody's: a Parquet table of item_id and codes, checked before it is compared with ours."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from semid.errors import ConfigError, InputRefused

LARGEST = 2**20 - 1
"""Codes are counted in an array per level on the driver; sixteen times the largest size that can be trained."""


def to_foreign_codes(table: DataFrame, source: str | None, levels: int | None) -> DataFrame:
    """Return (item_id, codes ARRAY<INT>) of a published table of IDs.

    Args:
        table: With item_id, and codes as an array of integers or as columns level_1, level_2, ...; with a column
            `source` when it holds several ID tables.
        source: Which of these.
        levels: Take the first so many codes only.

    Raises:
        ConfigError: The source is not named, or is not there.
        InputRefused: Lists what makes the table no table of IDs: columns, repeated items, codes that are missing,
            out of range or of several lengths.
    """
    chosen = _only_source(table, source)
    codes = _codes(table).try_cast("array<int>")
    kept = codes if levels is None else F.slice(codes, 1, levels)
    rows = chosen.select(F.col("item_id").cast("string").alias("item_id"), kept.alias("codes"))
    _check(rows, levels)
    return rows


def _only_source(table: DataFrame, source: str | None) -> DataFrame:
    if "source" not in table.columns:
        return table
    there = sorted(str(row[0]) for row in table.select("source").distinct().limit(100).collect())
    if source is None and len(there) < 2:
        return table
    if source not in there:
        raise ConfigError(
            "the file holds several tables of IDs" if source is None else f"the file has no source {source!r}",
            where="--codes",
            problems=[f"source: {name}" for name in there],
            next_step="choose one with --source NAME",
        )
    return table.where(F.col("source") == source)


def _codes(table: DataFrame) -> Column:
    levels = sorted((name for name in table.columns if re.fullmatch(r"level_[1-9]\d*", name)), key=_number)
    numbered = [_number(name) for name in levels] == list(range(1, len(levels) + 1))
    if "item_id" in table.columns and "codes" in table.columns:
        return F.col("codes")
    if "item_id" in table.columns and levels and numbered:
        return F.array(*levels)
    raise InputRefused(
        "the file is no table of IDs",
        where="--codes",
        problems=[f"its columns: {', '.join(table.columns)}"],
        next_step="it needs item_id, and codes (an array of integers) or level_1, level_2, ...",
    )


def _number(column: str) -> int:
    return int(column.removeprefix("level_"))


def _check(rows: DataFrame, levels: int | None) -> None:
    size = F.size("codes")
    bad = (
        F.col("codes").isNull()
        | (size < 1)
        | F.exists("codes", lambda code: ~F.coalesce(code.between(0, LARGEST), F.lit(False)))
    )
    counts: dict[str, Column] = {
        "rows without item_id": F.count_if(F.col("item_id").isNull()),
        f"rows whose codes are missing or outside 0 to {LARGEST}": F.count_if(bad),
        "repeated item_ids": F.count("item_id") - F.count_distinct("item_id"),
        f"rows with fewer than {levels} codes": F.count_if(size < (levels or 0)),
    }
    found = rows.agg(F.count("*").alias("rows"), F.min(size), F.max(size), *counts.values()).collect()[0]
    total, shortest, longest, *numbers = found
    problems = [f"{name}: {number}" for name, number in zip(counts, numbers, strict=True) if number]
    problems += [f"codes of {shortest} to {longest} levels"] if shortest != longest else []
    problems += ["no rows"] if total == 0 else []
    if problems:
        raise InputRefused("the file is no sound table of IDs", where="--codes", problems=problems)


def read_pairs(table: DataFrame) -> DataFrame:
    """Return (left, right), distinct, of a table of pairs: columns item_id_a and item_id_b, or its only two columns.

    Raises:
        InputRefused: It has other columns.
    """
    names: Sequence[str] = ("item_id_a", "item_id_b")
    names = names if set(names) <= set(table.columns) else table.columns
    if len(names) != 2:
        raise InputRefused(
            "which two columns are the pairs?",
            where="--pairs",
            problems=[f"its columns: {', '.join(table.columns)}"],
            next_step="call them item_id_a and item_id_b",
        )
    sides = [F.col(name).cast("string").alias(side) for name, side in zip(names, ("left", "right"), strict=True)]
    return table.select(*sides).where(F.col("left") != F.col("right")).distinct()


def read_traffic(table: DataFrame) -> DataFrame:
    """Return (item_id, interactions) of a table with one row per interaction.

    Raises:
        InputRefused: It has no item_id.
    """
    if "item_id" not in table.columns:
        raise InputRefused("interactions need a column item_id", where="--traffic")
    visited = table.select(F.col("item_id").cast("string").alias("item_id")).where("item_id IS NOT NULL")
    return visited.groupBy("item_id").agg(F.count("*").alias("interactions"))
