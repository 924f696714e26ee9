"""Run by Airflow's Python: everything the tests ask of the DAGs, as JSON. One process, because Airflow imports slowly."""

from __future__ import annotations

import json
import os
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import structlog
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.sdk.execution_time.callback_supervisor import execute_callback
from airflow.sdk.execution_time.context import VariableAccessor
from airflow.serialization.serialized_objects import DagSerialization

DAGS, FOLDER = Path(sys.argv[1]), Path(sys.argv[2])
DAY = datetime(2026, 1, 5, 2, tzinfo=UTC)
PARAMS = {
    "semid_nightly": {"run_date": None},
    "semid_retrain": {"run_date": None},
    "semid_backfill": {"start": "2026-01-02", "end": "2026-01-04", "dry_run": False},
}
MOVED = {"version": 2, "first": 0.01, "full": 0.1}


def context(params: dict[str, Any], logical_date: datetime | None = DAY) -> dict[str, Any]:
    """Return what the templates of the DAGs ask for."""
    return {
        "params": params,
        "dag_run": SimpleNamespace(logical_date=logical_date, run_after=DAY),
        "var": {"value": VariableAccessor(deserialize_json=False)},
        "ti": SimpleNamespace(xcom_pull=lambda task: MOVED),
    }


def command(task: Any, found: dict[str, Any]) -> str:
    """Return the spark-submit command of a task, and the environment it gives to it."""
    task.render_template_fields(found)
    line = task._get_hook()._build_spark_submit_command(task.application)
    return shlex.join([f"{key}={value}" for key, value in task.env_vars.items()] + line)


def commands(bag: BundleDagBag) -> dict[str, str]:
    return {
        f"{name}.{task.task_id}": command(task, context(PARAMS[name]))
        for name, dag in sorted(bag.dags.items())
        for task in dag.topological_sort()
        if task.task_type == "SemidJob"
    }


def structure(dag: Any) -> dict[str, Any]:
    return {
        task.task_id: {
            "after": sorted(task.upstream_task_ids),
            "pool": task.pool,
            "retries": task.retries,
            "timeout": bool(task.execution_timeout),
            "rule": str(getattr(task.trigger_rule, "value", task.trigger_rule)),
            "emits": [asset.name for asset in task.outlets],
        }
        for task in dag.tasks
    }


def after_exit(bag: BundleDagBag, code: int) -> dict[str, Any]:
    """Run a task of the nightly DAG whose spark-submit prints a message and exits with `code`; tell what it raised."""
    fake = FOLDER / "spark-submit"
    fake.write_text(f"#!/bin/sh\necho 'semid: a message'\nexit {code}\n")
    fake.chmod(0o755)
    task = bag.dags["semid_nightly"].get_task("check_drift")
    task._spark_binary, task._hook = str(fake), None
    try:
        task.execute({})
    except Exception as error:
        return {"retried": not isinstance(error, AirflowFailException), "message": str(error)}
    return {"retried": False, "message": ""}


def run_dates(bag: BundleDagBag) -> dict[str, str]:
    from submit import RUN_DATE

    task = bag.dags["semid_nightly"].get_task("ingest_catalog")
    cases = {
        "of the trigger": context({"run_date": None}),
        "asked for": context({"run_date": "2026-01-02"}),
        "by hand, no logical date": context({"run_date": None}, logical_date=None),
    }
    return {name: task.render_template(RUN_DATE, found) for name, found in cases.items()}


def late(bag: BundleDagBag) -> list[Any]:
    """Return what calling the deadline's callback gave, called as a worker does: (done, error)."""
    callback = bag.dags["semid_nightly"].deadline[0].callback
    found = {"dag_run": {"dag_id": "semid_nightly", "dag_run_id": "scheduled__2026-01-05"}}
    log = structlog.get_logger()
    return list(execute_callback(callback.path, callback.kwargs | {"context": found}, "nightly.py", DAGS, log))


def no_answer(approve: Any) -> list[Any]:
    return [approve.defaults, approve.response_timeout.days]


def decisions() -> dict[str, Any]:
    """Return what the functions of nightly and retrain make of some states; none of these reads a warehouse."""
    modules = sys.modules
    nightly, retrain = (
        next(m for name, m in modules.items() if name.startswith("unusual_prefix") and name.endswith(f"_{dag}"))
        for dag in ("nightly", "retrain")
    )
    active, shadow = {"version": 1, "state": "active"}, {"version": 2, "state": "shadow"}
    note = {"failing": [{"note": "propose retrain"}]}
    states = {
        "proposed": {"check": note, "codebooks": [active]},
        "proposed, shadow waits": {"check": note, "codebooks": [shadow, active]},
        "other warning": {"check": {"failing": [{"note": None}]}, "codebooks": [active]},
        "nothing checked": {"check": None, "codebooks": []},
    }
    limits = {"none": "", "wide": '{"first": 0.02, "full": 0.2}', "narrow": '{"first": 0.02, "full": 0.1}'}
    return {
        "proposes": {name: nightly.proposes_retrain(state) for name, state in states.items()},
        "decide": {name: retrain.decide(MOVED, limit) for name, limit in limits.items()},
        "shadow": shadow_of(retrain, [shadow, active]),
        "no shadow": shadow_of(retrain, [active]),
    }


def shadow_of(retrain: Any, books: list[dict[str, Any]]) -> Any:
    try:
        return retrain.newest_shadow(books)
    except AirflowSkipException as skipped:
        return str(skipped)


def main() -> None:
    bag = BundleDagBag(dag_folder=str(DAGS), bundle_path=DAGS, bundle_name="dags-folder")
    facts = {
        "import_errors": bag.import_errors,
        "structure": {name: structure(dag) for name, dag in bag.dags.items()},
        "docs": {name: dag.doc_md for name, dag in bag.dags.items()},
        "starts": {name: dag.start_date and str(dag.start_date.date()) for name, dag in bag.dags.items()},
        "deadlines": {name: bool(dag.deadline) for name, dag in bag.dags.items()},
        "serialized": {name: bool(DagSerialization.to_dict(dag)) for name, dag in bag.dags.items()},
        "run_dates": run_dates(bag),
        "late": late(bag),
        "no_answer": no_answer(bag.dags["semid_retrain"].get_task("approve")),
        "decisions": decisions(),
        "commands": commands(bag),
        "exits": {code: after_exit(bag, code) for code in range(8)},
    }
    Path(os.environ["FACTS"]).write_text(json.dumps(facts))


main()
