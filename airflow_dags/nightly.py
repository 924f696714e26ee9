"""
### semid_nightly: the night's feed goes in, published semantic IDs come out

One task per step of `semid nightly`. All tasks of a night are one run of semid: they derive the same run id from
date, configuration and feed, so every task may be cleared and run again at any time; what is done is not done twice.

**Settings.** Variables `semid_warehouse` and `semid_feed` (a path; `{date}` in it stands for the run date), Connection
`semid_spark`, pool `semid_warehouse` with one slot. `Trigger` with `run_date` runs another date than today's.

**When a task fails.** The last lines of its log say what was wrong, where, and what to do next.

- **4, gate blocked**: fails, no retry. Nothing was published, readers see the release before. `semid report` shows the
  metrics. Wrong arrivals: correct the feed. Right ones: raise the threshold. Then clear the run from `ingest_catalog`.
- **3, feed refused**: fails, no retry. No table was touched: have the delivery corrected, clear the run.
- **2, configuration; 6, stored data**: fails, no retry. Correct what the message names, clear the run.
- **5, another run holds the warehouse**: retries; usually nothing to do. When it says that a step is not done, the feed
  or the configuration changed during the night: clear the run from `ingest_catalog`.
- **7, environment; 1, unexpected**: retries. Disk, memory, Java or a model; 1 is a bug, please report its traceback.

**Late.** The deadline alert comes when a run is not done four hours after it was queued.

**Missed nights.** `semid_backfill`, or Airflow's own backfill (docs/airflow.md).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.python import PythonOperator, ShortCircuitOperator
from airflow.sdk import DAG, CronTriggerTimetable, Param, chain
from submit import DEFAULTS, FIRST_DATE, RETRAIN_PROPOSED, SEMANTIC_ID, WAREHOUSE, SemidJob, status, within

# Longest time of each step, from how long it may honestly take: embedding is the one that grows with the arrivals.
STEPS = {
    "ingest_catalog": timedelta(hours=1),
    "embed_items": timedelta(hours=3),
    "train_codebook": timedelta(hours=2),
    "assign_ids": timedelta(hours=1),
    "check_drift": timedelta(hours=1),
    "publish_ids": timedelta(hours=1),
}


def is_retrain_proposed(warehouse: str) -> bool:
    """Tell whether a check of the newest run proposes a retrain that nobody has made yet."""
    return proposes_retrain(status(warehouse))


def proposes_retrain(state: dict[str, Any]) -> bool:
    """Tell whether a check proposes a retrain and no newer codebook waits beside the active one to be promoted."""
    failing = (state["check"] or {}).get("failing", ())
    newest = max(state["codebooks"], key=lambda book: book["version"], default={"state": ""})
    return newest["state"] != "shadow" and any("propose retrain" in (check["note"] or "") for check in failing)


def tell_proposal() -> str:
    """Return what goes into the log; the success of this task is the event that starts `semid_retrain`."""
    return "the gate proposes a retrain"


with DAG(
    "semid_nightly",
    description="A feed in, published semantic IDs out",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 2 * * *", timezone="UTC"),
    start_date=FIRST_DATE,
    catchup=False,
    max_active_runs=1,
    params={"run_date": Param(None, type=["null", "string"], format="date", title="Run date, if not the trigger's")},
    deadline=within(timedelta(hours=4)),
    default_args=DEFAULTS,
    tags=["semid"],
):
    steps = [
        SemidJob(
            task_id=step,
            job="nightly",
            flags=["--step", step, "--catalog", "{{ var.value.semid_feed }}"],
            execution_timeout=limit,
            outlets=[SEMANTIC_ID] if step == "publish_ids" else [],
        )
        for step, limit in STEPS.items()
    ]
    asked = ShortCircuitOperator(
        task_id="retrain_proposed",
        python_callable=is_retrain_proposed,
        op_args=[WAREHOUSE],
        doc_md="Skips what follows on most nights: no check of this night proposes a retrain.",
    )
    proposal = PythonOperator(task_id="propose_retrain", python_callable=tell_proposal, outlets=[RETRAIN_PROPOSED])
    chain(*steps, asked, proposal)
