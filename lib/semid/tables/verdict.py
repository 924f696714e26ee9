"""The gate's verdict on a run, as its rows in `drift_report` tell it."""

from __future__ import annotations

from pyspark.sql import functions as F

from semid.errors import GateBlocked
from semid.tables.store import Store


def passed_verdict(store: Store, run_id: str) -> str:
    """Return `pass` or `warn`.

    Raises:
        GateBlocked: A check failed, or none was made: missing evidence is a reason to stop.
    """
    rows = store.read("drift_report").where(F.col("run_id") == run_id)
    statuses = {row[0] for row in rows.select("status").distinct().collect()}
    if not statuses or "block" in statuses:
        why = "its checks failed" if statuses else "it was never checked"
        refused = GateBlocked(f"run {run_id} cannot be published: {why}", next_step="semid check-drift")
        refused.run_id = run_id
        raise refused
    return "warn" if "warn" in statuses else "pass"
