"""
### semid_retrain: a successor of the active codebook, served beside it, then promoted

Weekly, and when a night's gate proposes it. Readers see nothing of it before `promote`.

1. `shadow` trains the candidate from the active codebook, gives every item an ID under it and publishes these beside
   the active ones (`semid retrain --shadow`). One task: between two of them a night could change the catalog.
2. `compare` reads what the move would change: the share of items whose first code, and whose full code, changes.
3. `decide` goes straight to `promote` when the Variable `semid_promote_within` is set (for example
   `{"first": 0.02, "full": 0.2}`) and both shares are below it. Else a person is asked.
4. `approve` waits up to three days under *Required actions*. **Reject**, or no answer, leaves the shadow where it is:
   served, not read. `semid promote --version N` moves readers at any later time.
5. `promote` moves readers in one release and emits the asset `semantic_id`. `semid rollback --to RELEASE` undoes it.

Exit codes and settings are those of `semid_nightly`. A warning at `shadow` that the catalog has changed: clear it, it
trains on what is there now.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.python import BranchPythonOperator, PythonOperator
from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, Param
from airflow.sdk.exceptions import AirflowSkipException
from submit import DEFAULTS, FIRST_DATE, RETRAIN_PROPOSED, SEMANTIC_ID, WAREHOUSE, SemidJob, query, status, within

CHURN = """
SELECT level, value FROM drift_report
WHERE cohort = 'promotion@v{version:d}' AND metric = 'churn'
  AND run_id = (SELECT run_id FROM codebook WHERE codebook_version = {version:d})
ORDER BY level"""


def compare(warehouse: str) -> dict[str, Any]:
    """Return the shadow's version and the shares of unchanged items whose first and full codes it changes."""
    version = newest_shadow(status(warehouse)["codebooks"])
    churn = [row["value"] for row in query(CHURN.format(version=version), warehouse)]
    return {"version": version, "first": churn[0], "full": churn[-1]}


def newest_shadow(books: list[dict[str, Any]]) -> int:
    """Return the version of the newest codebook.

    Raises:
        AirflowSkipException: It is active already, or nobody is served with it.
    """
    newest = max(books, key=lambda book: book["version"])
    if newest["state"] != "shadow":
        raise AirflowSkipException(f"nothing to promote: codebook {newest['version']} is {newest['state']}")
    return int(newest["version"])


def decide(moved: dict[str, Any], limits: str) -> str:
    """Return the task to go on with: `promote` when both shares are below the limits, else a person is asked."""
    allowed = json.loads(limits or "null")
    automatic = allowed is not None and all(moved[depth] < allowed[depth] for depth in ("first", "full"))
    return "promote" if automatic else "approve"


with DAG(
    "semid_retrain",
    description="Train a successor of the active codebook, compare, promote",
    doc_md=__doc__,
    # After Sunday's night; the asset is the proposal of any night.
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 6 * * 0", timezone="UTC"), assets=[RETRAIN_PROPOSED]
    ),
    start_date=FIRST_DATE,
    catchup=False,
    max_active_runs=1,
    params={"run_date": Param(None, type=["null", "string"], format="date", title="Run date, if not the trigger's")},
    # Three days for the answer, and the training.
    deadline=within(timedelta(days=3, hours=12)),
    default_args=DEFAULTS,
    tags=["semid"],
):
    shadow = SemidJob(task_id="shadow", job="retrain", flags=["--shadow"], execution_timeout=timedelta(hours=10))
    compared = PythonOperator(task_id="compare", python_callable=compare, op_args=[WAREHOUSE])
    decided = BranchPythonOperator(
        task_id="decide",
        python_callable=decide,
        op_kwargs={"moved": compared.output, "limits": "{{ var.value.get('semid_promote_within', '') }}"},
    )
    approve = ApprovalOperator(
        task_id="approve",
        subject="Promote codebook {{ ti.xcom_pull('compare')['version'] }}?",
        body="""Of the items with unchanged content
- {{ '%.2f' % (100 * ti.xcom_pull('compare')['first']) }} % get another first code
- {{ '%.2f' % (100 * ti.xcom_pull('compare')['full']) }} % get another full code

Its IDs can be queried now: `WHERE codebook_version = {{ ti.xcom_pull('compare')['version'] }}` in `semantic_id`.
Reject leaves it served beside the active one.""",
        defaults="Reject",
        response_timeout=timedelta(days=3),
    )
    promote = SemidJob(
        task_id="promote",
        job="promote",
        flags=["--version", "{{ ti.xcom_pull('compare')['version'] }}"],
        # Today's: nights may have been published while a person was asked, and dates only grow.
        run_date=None,
        trigger_rule="none_failed_min_one_success",
        execution_timeout=timedelta(hours=1),
        outlets=[SEMANTIC_ID],
    )
    shadow >> compared >> decided >> [approve, promote]
    approve >> promote
