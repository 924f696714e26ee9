"""
### semid_backfill: missed nights, replayed in order from dated feeds

`Trigger` with the first and the last date. `plan` prints what would be done, with row counts, and writes nothing;
`replay` does it in one Spark session, one night after the other: `semid backfill --start --end`. Killed or failed, it
goes on at the first unfinished date. With `dry_run` only the plan is made.

The Variable `semid_feed` must have `{date}` in its path. Dates before the current release are refused (exit 2), because
a night changes what is current: `semid backfill --rebuild` makes the IDs of such a date again.

Airflow's own backfill of `semid_nightly` does the same with one DAG run per date: docs/airflow.md says when it is
better, and its two traps.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.python import ShortCircuitOperator
from airflow.sdk import DAG, Param
from submit import DEFAULTS, SEMANTIC_ID, SemidJob, within

DATES = ["--start", "{{ params.start }}", "--end", "{{ params.end }}", "--catalog", "{{ var.value.semid_feed }}"]


def is_wanted(dry_run: str) -> bool:
    """Tell whether the plan is to be carried out."""
    return dry_run != "True"


with DAG(
    "semid_backfill",
    description="Replay missed nights from dated feeds",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    params={
        "start": Param(type="string", format="date", title="First date"),
        "end": Param(type="string", format="date", title="Last date"),
        "dry_run": Param(False, type="boolean", title="Only the plan"),
    },
    deadline=within(timedelta(days=2)),
    default_args=DEFAULTS,
    tags=["semid"],
):
    plan = SemidJob(
        task_id="plan",
        job="backfill",
        flags=[*DATES, "--dry-run"],
        run_date=None,
        execution_timeout=timedelta(hours=1),
    )
    wanted = ShortCircuitOperator(task_id="wanted", python_callable=is_wanted, op_args=["{{ params.dry_run }}"])
    replay = SemidJob(
        task_id="replay",
        job="backfill",
        flags=DATES,
        run_date=None,
        execution_timeout=timedelta(days=2),
        outlets=[SEMANTIC_ID],
    )
    plan >> wanted >> replay
