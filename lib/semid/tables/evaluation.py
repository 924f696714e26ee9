"""What was measured of codes: `eval_report`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from pyspark.sql import functions as F

from semid.measure.evaluation import Measure
from semid.tables.sql_text import equals
from semid.tables.store import Store, to_json


def write_evaluation(
    store: Store, run_id: str, task: str, measures: Iterable[Measure], seed: int, params: Mapping[str, Any]
) -> int:
    """Replace the run's rows of a task in `eval_report`; return how many there are now."""
    text = to_json(params)
    rows = [
        {
            "run_id": run_id,
            "task": task,
            "slice": measure.slice,
            "metric": measure.metric,
            "value": _known(measure.value),
            "ci_low": measure.low,
            "ci_high": measure.high,
            "seed": seed,
            "params": text,
        }
        for measure in measures
    ]
    own = equals({"run_id": run_id, "task": task})
    store.replace_where(store.frame(rows, "eval_report"), "eval_report", own)
    return len(rows)


def read_evaluation(store: Store, run_id: str, task: str) -> list[Measure]:
    """Return what a run measured of a task, sorted by metric and slice."""
    rows = store.read("eval_report").where((F.col("run_id") == run_id) & (F.col("task") == task)).collect()
    found = [Measure(row.metric, row.value, row.ci_low, row.ci_high, row.slice) for row in rows]
    return sorted(found, key=lambda measure: (measure.metric, measure.slice))


def read_params(store: Store, run_id: str, task: str) -> dict[str, Any]:
    """Return what a run recorded of how it measured a task; empty when it wrote nothing."""
    rows = store.read("eval_report").where((F.col("run_id") == run_id) & (F.col("task") == task))
    found = rows.select("params").limit(1).collect()
    return dict(json.loads(found[0].params)) if found else {}


def _known(value: float | None) -> float | None:
    # Null, as the column promises: engines disagree on how NaN compares in a filter.
    return float(value) if value is not None and math.isfinite(value) else None
