"""The grid of settings on the cluster: one Spark task fits one setting to the sample."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from semid.config import CodebookConfig
from semid.measure.budget import Trial, try_setting
from semid.quantize.base import Floats


def try_settings(spark: SparkSession, x: Floats, grid: Sequence[CodebookConfig]) -> list[Trial]:
    """Return one trial per setting, in the order of the grid.

    Args:
        spark: Every setting is a task of its own; the sample travels once per executor.
        x: The sample (n, d), sorted by a key.
        grid: Settings, none of which has a level with more codes than `x` rows.
    """
    shared = spark.sparkContext.broadcast(x)

    def fit(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column("id").to_pylist():
                trial = json.dumps(asdict(try_setting(shared.value, grid[number])))
                yield pa.RecordBatch.from_pydict({"id": [number], "trial": [trial]})

    try:
        rows = spark.range(0, len(grid), 1, len(grid)).mapInArrow(fit, "id BIGINT, trial STRING").collect()
    finally:
        shared.destroy()
    return [_trial(row["trial"]) for row in sorted(rows, key=lambda row: row["id"])]


def _trial(text: str) -> Trial:
    columns: dict[str, Any] = json.loads(text)
    lists = {name: tuple(value) for name, value in columns.items() if isinstance(value, list)}
    return Trial(**{**columns, **lists})
