"""The gate's report: `drift_report`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pyspark.sql import functions as F

from semid.measure.gate import Check, is_number
from semid.tables import releases
from semid.tables.sql_text import equals
from semid.tables.store import Store


def earlier_statuses(store: Store, run_id: str, nights: int) -> list[dict[tuple[str, str, int], str]]:
    """Return the statuses of the checks of the newest nightly releases before run `run_id`, newest first.

    Args:
        store: The warehouse.
        run_id: The run that is checked now.
        nights: How many releases to go back.
    """
    made = [r for r in releases.load(store).published if r.run_id != run_id and r.of_feed]
    wanted = [release.run_id for release in reversed(made)][:nights]
    if not wanted:
        return []
    rows = store.read("drift_report").where(F.col("run_id").isin(*wanted)).collect()
    return [{(r.cohort, r.metric, r.level): r.status for r in rows if r.run_id == run} for run in wanted]


def write_report(store: Store, run_id: str, checks: Sequence[Check]) -> None:
    """Replace the run's rows in `drift_report` by `checks`; a repeated check leaves one set of rows."""
    rows = store.frame([_row(run_id, check) for check in checks], "drift_report")
    store.replace_where(rows, "drift_report", equals({"run_id": run_id}))


def _row(run_id: str, check: Check) -> dict[str, Any]:
    columns = asdict(check)
    numbers = ("value", "reference", "threshold_warn", "threshold_block")
    # Null, as the column promises: engines disagree on how NaN compares in a filter.
    columns |= {name: float(columns[name]) if is_number(columns[name]) else None for name in numbers}
    return {**columns, "run_id": run_id, "status": "block" if check.blocks else check.status}
