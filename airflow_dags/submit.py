"""How the DAGs submit jobs: the operator, where semid is installed, what an exit code means to Airflow.

The DAG files import Airflow and the standard library only: semid is another environment, reached through its own
spark-submit. Deployment settings are Airflow Variables, one Connection and one environment variable (docs/airflow.md).
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import Asset, DeadlineAlert, DeadlineReference, SyncCallback
from airflow.sdk.exceptions import AirflowException, AirflowFailException

HOME = Path(os.environ.get("SEMID_HOME", Path(__file__).resolve().parents[1]))
"""A checkout after `make setup`: jobs/, conf/ and .venv/."""

CONNECTION = "semid_spark"
POOL = "semid_warehouse"
"""One slot: one writer at a time. The jobs themselves refuse to run beside another (exit 5)."""

SEMANTIC_ID = Asset("semantic_id")
RETRAIN_PROPOSED = Asset("semid_retrain_proposed")

WAREHOUSE = "{{ var.value.semid_warehouse }}"
CONFIG = f"{{{{ var.value.get('semid_config', '{HOME}/conf/default.yaml') }}}}"
PROPERTIES = f"{{{{ var.value.get('semid_spark_properties', '{HOME}/conf/spark/local.conf') }}}}"
# Airflow 3: a cron run's logical date is the time it was triggered at, and a run triggered by hand may have none.
RUN_DATE = "{{ params.run_date or (dag_run.logical_date or dag_run.run_after) | ds }}"

FIRST_DATE = datetime(2000, 1, 1)
"""Start date of the scheduled DAGs, before any feed: a run for a date before it has no tasks and is a success."""

DEFAULTS = {
    "owner": "semid",
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": True,
}
"""`default_args` of every DAG. A retry is safe: every job takes up what an earlier attempt has done."""

FINAL = {
    2: "Flags or configuration are wrong. Correct what the message names and clear this run.",
    3: "The feed is refused as a whole, no table was touched. Have the delivery corrected, then clear this run.",
    4: "The gate blocked: nothing was published, readers see the release before. Look at the metrics in the message "
    "and at `semid report`. If the arrivals are wrong, correct the feed; if they are right, raise the threshold. "
    "Then clear this run from its first task.",
    6: "Stored data fails its check. Restore what the message names before anything runs again.",
}
"""What to do about the exit codes that another attempt cannot change; 1, 5 and 7 are tried again."""


def spark_home() -> Path:
    """Return the folder of semid's own Spark; SEMID_SPARK_HOME names one elsewhere.

    Raises:
        AirflowException: It is not there.
    """
    # Under spark-submit alone it is asked of the first python on PATH: Airflow's, which has a client without jars.
    found = sorted(HOME.glob(".venv/lib/python3.*/site-packages/pyspark"))
    if given := os.environ.get("SEMID_SPARK_HOME"):
        return Path(given)
    if not found:
        raise AirflowException(f"no Spark in {HOME}/.venv: run make setup there, or set SEMID_HOME to another checkout")
    return found[-1]


class SemidJob(SparkSubmitOperator):
    """Submit a job of semid; an exit code that would come again fails the task without a retry.

    Args:
        job: Its file in jobs/, without .py.
        flags: Its flags beside those of every job; templated.
        run_date: Its run date, templated; None leaves it to the job, which takes today's.
        kwargs: As for every operator.
    """

    def __init__(self, *, job: str, flags: Sequence[str] = (), run_date: str | None = RUN_DATE, **kwargs: Any) -> None:
        every = ["--config", CONFIG, "--warehouse", WAREHOUSE]
        every += ["--run-date", run_date] if run_date else []
        spark, python = spark_home(), str(HOME / ".venv" / "bin" / "python")
        # Spark's own INFO lines would push semid's message out of what Airflow keeps of a failed task's output.
        log4j = f"-Dlog4j2.configurationFile=file://{HOME}/conf/spark/log4j2.properties"
        settings = {
            "application": str(HOME / "jobs" / f"{job}.py"),
            "application_args": [*every, *flags],
            "conn_id": CONNECTION,
            "name": f"semid {job}",
            "pool": POOL,
            "properties_file": PROPERTIES,
            "spark_binary": str(spark / "bin" / "spark-submit"),
            "env_vars": {
                "SPARK_HOME": str(spark),
                "SPARK_SUBMIT_OPTS": f"{os.environ.get('SPARK_SUBMIT_OPTS', '')} {log4j}".strip(),
                "PYSPARK_PYTHON": python,
                "PYSPARK_DRIVER_PYTHON": python,
            },
        }
        super().__init__(**{**settings, **kwargs})

    def execute(self, context: Any) -> None:
        """Submit the job and wait for it.

        Raises:
            AirflowFailException: It ended with a code that no retry can change.
            AirflowException: It ended with another code than 0.
        """
        try:
            super().execute(context)
        except AirflowException as error:
            raise judged(error) from None


def judged(error: AirflowException) -> AirflowException:
    """Return what to raise for a failed spark-submit: itself where a retry may help."""
    # The hook keeps the exit status to itself; its message ends the sentence with it.
    found = re.search(r"Error code is: (\d+)\.", str(error))
    code = int(found.group(1)) if found else None
    return AirflowFailException(f"{FINAL[code]}\n{error}") if code in FINAL else error


def status(warehouse: str) -> dict[str, Any]:
    """Return the state of a warehouse as `semid status --json` tells it."""
    return _asked("status", "--json", "--warehouse", warehouse)  # type: ignore[no-any-return]


def query(sql: str, warehouse: str) -> list[dict[str, Any]]:
    """Return the rows that `semid sql` answers a query with."""
    return _asked("sql", sql, "--format", "json", "--warehouse", warehouse)  # type: ignore[no-any-return]


def _asked(*arguments: str) -> Any:
    # Reads the tables without Spark.
    done = subprocess.run([HOME / ".venv" / "bin" / "semid", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise AirflowFailException(done.stderr)
    return json.loads(done.stdout)


def within(limit: timedelta) -> DeadlineAlert | None:
    """Return the alert for runs that are not done `limit` after they were queued; None when SEMID_DEADLINES is off.

    Queued rather than logical date: a backfilled night is not late because its date is past.
    """
    # `airflow dags test` of Airflow 3.3.2 ends a successful run of a DAG that has a deadline with a StatementError.
    if os.environ.get("SEMID_DEADLINES") == "off":
        return None
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=limit,
        callback=SyncCallback("submit.report_late", kwargs={"limit": str(limit)}),
        name=f"not done within {limit}",
    )


def report_late(limit: str, context: dict[str, Any]) -> None:
    """Log that a run is late; to page somebody, name a notifier of Airflow's in `within` instead."""
    run = context.get("dag_run", {})
    logging.getLogger(__name__).error(
        "%s, run %s, is not done %s after it was queued: look at its running task, and whether it waits for pool %s",
        *(run.get("dag_id"), run.get("dag_run_id"), limit, POOL),
    )
