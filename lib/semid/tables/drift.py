"""What the gate reads and writes: codebook versions to check, their metrics, and `drift_report`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pyspark.sql import functions as F

from semid.errors import ConfigError, StoredDataError
from semid.measure.gate import Check, is_number
from semid.tables import releases, runs
from semid.tables.staged import staged_rows
from semid.tables.store import Store


@dataclass(frozen=True)
class Trained:
    """What the gate compares with: a codebook's sizes and its own metrics, without its arrays."""

    sizes: tuple[int, ...]
    metrics: Mapping[str, Any]


def versions_to_check(store: Store, run_id: str) -> list[int]:
    """Return the codebook versions a run staged rows for; the active one when it staged none.

    Raises:
        ConfigError: There is no such run.
    """
    staged = staged_rows(store, run_id).select("codebook_version").distinct().collect()
    if staged:
        return sorted(int(row[0]) for row in staged)
    if runs.find(store, run_id) is None:
        raise ConfigError("no such run", where=f"--staged-run {run_id}", next_step="semid status shows the runs")
    active = releases.current(store)
    return [active.codebook_version] if active is not None and active.codebook_version is not None else []


def trained(store: Store, version: int) -> Trained:
    """Return sizes and metrics of codebook `version`.

    Raises:
        StoredDataError: There is not exactly one such codebook, or its metrics are no JSON object.
    """
    where = f"table codebook, version {version}"
    found = store.read("codebook").where(F.col("codebook_version") == version)
    rows = found.select("codebook_sizes", "metrics").collect()
    if len(rows) != 1:
        raise StoredDataError(f"expected one row, found {len(rows)}", where=where, next_step="restore the table")
    try:
        metrics = json.loads(rows[0].metrics)
    except ValueError as error:
        raise StoredDataError(f"metrics are no JSON: {error}", where=where) from error
    if not isinstance(metrics, dict):
        raise StoredDataError("metrics are no JSON object", where=where)
    return Trained(tuple(rows[0].codebook_sizes), metrics)


def write_report(store: Store, run_id: str, checks: Sequence[Check]) -> None:
    """Replace the run's rows in `drift_report` by `checks`; a repeated check leaves one set of rows."""
    rows = store.frame([_row(run_id, check) for check in checks], "drift_report")
    store.replace_where(rows, "drift_report", f"run_id = '{run_id}'")


def _row(run_id: str, check: Check) -> dict[str, Any]:
    columns = asdict(check)
    numbers = ("value", "reference", "threshold_warn", "threshold_block")
    # Null, as the column promises: engines disagree on how NaN compares in a filter.
    columns |= {name: float(columns[name]) if is_number(columns[name]) else None for name in numbers}
    return {**columns, "run_id": run_id, "status": "block" if check.blocks else check.status}
