"""The DAGs as Airflow sees them, and one night that it runs for real; both in Airflow's own environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from semid.cli import local_airflow
from semid.tables.query import open_reader
from tests import catalog, cold_spark
from tests.nights import NIGHT1

ROOT = Path(__file__).parents[2]
DAGS = ROOT / "airflow_dags"
GOLDEN = ROOT / "tests" / "golden" / "airflow_commands.txt"
STEPS = ["ingest_catalog", "embed_items", "train_codebook", "assign_ids", "check_drift", "publish_ids"]
WRITING = {"semid_nightly": STEPS, "semid_retrain": ["shadow", "promote"], "semid_backfill": ["plan", "replay"]}


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What tests/dags/dag_facts.py finds out, for a deployment in /opt/semid."""
    folder = tmp_path_factory.mktemp("facts")
    environment = local_airflow.variables(folder, "/feeds/{date}.parquet") | {
        "AIRFLOW_VAR_SEMID_WAREHOUSE": "/data/warehouse",
        "AIRFLOW_VAR_SEMID_CONFIG": "/etc/semid.yaml",
        "SPARK_SUBMIT_OPTS": "",
        "SEMID_HOME": "/opt/semid",
        "SEMID_SPARK_HOME": "/opt/semid/.venv/lib/python3.11/site-packages/pyspark",
        "FACTS": str(folder / "facts.json"),
    }
    python, script = local_airflow.AIRFLOW.with_name("python"), Path(__file__).with_name("dag_facts.py")
    done = run([str(python), str(script), str(DAGS), str(folder)], environment)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads((folder / "facts.json").read_text())
    return found


def test_every_dag_file_imports(facts: dict[str, Any]) -> None:
    """Three DAGs, no import error, each can be stored by the DAG processor."""
    assert facts["import_errors"] == {}
    assert set(facts["serialized"]) == set(WRITING)
    assert all(facts["serialized"].values())


def test_every_dag_has_a_runbook_and_a_deadline(facts: dict[str, Any]) -> None:
    """The page that Airflow shows starts with the DAG's name; a run that is late is told of."""
    assert {name: text.split()[1].rstrip(":") for name, text in facts["docs"].items()} == {n: n for n in WRITING}
    assert all(facts["deadlines"].values())
    assert facts["late"] == [True, None]


def test_no_feed_is_older_than_the_first_date_of_a_dag(facts: dict[str, Any]) -> None:
    """A run for a date before a DAG's first one has no tasks and ends as a success: the Tate's feeds are of 2013."""
    starts = facts["starts"]
    assert starts == {"semid_nightly": "2000-01-01", "semid_retrain": "2000-01-01", "semid_backfill": None}


def test_the_spark_submit_commands_are_the_golden_ones(facts: dict[str, Any]) -> None:
    """The rendered command of every task that submits; SEMID_REBUILD_GOLDEN=1 writes the file again."""
    shown = "\n".join(f"{name}\n  {line}\n" for name, line in facts["commands"].items())
    if os.environ.get("SEMID_REBUILD_GOLDEN"):
        GOLDEN.write_text(shown)
    assert shown == GOLDEN.read_text()
    assert set(facts["commands"]) == {f"{dag}.{task}" for dag, tasks in WRITING.items() for task in tasks}


def test_the_night_is_a_chain_of_its_steps(facts: dict[str, Any]) -> None:
    """Each step after the one before, then the question of a retrain."""
    night = facts["structure"]["semid_nightly"]
    order = [*STEPS, "retrain_proposed", "propose_retrain"]
    assert {name: task["after"] for name, task in night.items()} == {
        name: order[max(0, n - 1) : n] for n, name in enumerate(order)
    }


def test_nothing_is_promoted_before_the_decision(facts: dict[str, Any]) -> None:
    """The shadow is compared, then decided on; promote waits for decision and answer, and no answer is a no.

    Its trigger rule lets it run when nobody had to be asked, and not when the task that was to ask has failed.
    """
    retrain = facts["structure"]["semid_retrain"]
    after = {name: task["after"] for name, task in retrain.items()}
    assert after == {
        "shadow": [],
        "compare": ["shadow"],
        "decide": ["compare"],
        "approve": ["decide"],
        "promote": ["approve", "decide"],
    }
    assert retrain["promote"]["rule"] == "none_failed_min_one_success"
    assert facts["no_answer"] == [["Reject"], 3]


def test_writers_share_a_pool_have_a_timeout_and_are_retried(facts: dict[str, Any]) -> None:
    """Every task that submits a job; tasks that only read hold no slot."""
    for dag, tasks in facts["structure"].items():
        writing = {name: task for name, task in tasks.items() if task["pool"] == "semid_warehouse"}
        assert set(writing) == set(WRITING[dag])
        assert all(task["timeout"] and task["retries"] == 3 for task in writing.values())


def test_whatever_moves_readers_emits_the_asset(facts: dict[str, Any]) -> None:
    """Consumers can be scheduled on `semantic_id`; a proposal of the gate starts the retrain."""
    emitted = {
        f"{dag}.{name}": task["emits"]
        for dag, tasks in facts["structure"].items()
        for name, task in tasks.items()
        if task["emits"]
    }
    moving = ("semid_nightly.publish_ids", "semid_retrain.promote", "semid_backfill.replay")
    assert emitted == {name: ["semantic_id"] for name in moving} | {
        "semid_nightly.propose_retrain": ["semid_retrain_proposed"]
    }


def test_the_run_date_is_always_explicit(facts: dict[str, Any]) -> None:
    """The trigger's date, the one asked for, or the day a run without logical date is for."""
    assert facts["run_dates"] == {
        "of the trigger": "2026-01-05",
        "asked for": "2026-01-02",
        "by hand, no logical date": "2026-01-05",
    }


@pytest.mark.parametrize(
    ("code", "retried", "says"),
    [
        (1, True, "semid: a message"),
        (2, False, "Correct what the message names"),
        (3, False, "Have the delivery corrected"),
        (4, False, "nothing was published"),
        (5, True, "semid: a message"),
        (6, False, "Restore what the message names"),
        (7, True, "semid: a message"),
    ],
)
def test_only_what_may_pass_is_retried(facts: dict[str, Any], code: int, retried: bool, says: str) -> None:
    """By a real process's exit code; the task's error has the job's own last words in any case."""
    found = facts["exits"][str(code)]
    assert found["retried"] == retried
    assert says in found["message"]
    assert "semid: a message" in found["message"]


def test_exit_0_is_no_error(facts: dict[str, Any]) -> None:
    """The task of a job that is done succeeds."""
    assert facts["exits"]["0"]["message"] == ""


def test_a_retrain_is_proposed_once(facts: dict[str, Any]) -> None:
    """When a check of the night says so, and not while its successor waits to be promoted."""
    assert facts["decisions"]["proposes"] == {
        "proposed": True,
        "proposed, shadow waits": False,
        "other warning": False,
        "nothing checked": False,
    }


def test_only_within_limits_nobody_is_asked(facts: dict[str, Any]) -> None:
    """Without limits, or with a share at its limit, a person decides; nothing is promoted that is no shadow."""
    decisions = facts["decisions"]
    assert decisions["decide"] == {"none": "approve", "wide": "promote", "narrow": "approve"}
    assert decisions["shadow"] == 2
    assert decisions["no shadow"] == "nothing to promote: codebook 1 is active"


def test_the_local_airflow_serves_this_machine_only(tmp_path: Path) -> None:
    """Airflow's own configuration, with the variables of env.sh: its default is every address."""
    environment = local_airflow.variables(tmp_path / "home", "feed.parquet")
    done = run([str(local_airflow.AIRFLOW), "config", "get-value", "api", "host"], environment)
    assert done.stdout.splitlines()[-1] == "127.0.0.1"


@pytest.fixture(scope="module")
def airflow_night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A warehouse that `airflow dags test` of the nightly DAG filled with 60 items, and what it printed."""
    home = tmp_path_factory.mktemp("airflow") / "home"
    feed = catalog.write_jsonl(catalog.items(60), home.parent / "feed.jsonl")
    environment = local_airflow.variables(home, feed) | cold_spark.variables()
    settings = "codebook: {kind: rkmeans, sizes: [4, 4]}\n"
    local_airflow.prepare(home, environment, settings)
    done = run(
        [str(local_airflow.AIRFLOW), "dags", "test", "semid_nightly", NIGHT1], environment | local_airflow.TESTED
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    return home / "warehouse", done.stdout + done.stderr


def test_a_night_under_airflow_is_published_as_one_run(airflow_night: tuple[Path, str]) -> None:
    """One release with all items; six tasks, each a step of the same run, which ends as done."""
    reader = open_reader(str(airflow_night[0]))
    (release,) = reader.mappings("SELECT run_id, run_date, counts['added'] AS added FROM published_release")
    assert (str(release["run_date"]), release["added"]) == (NIGHT1, 60)
    assert len(list(reader.ask("SELECT item_id FROM semantic_id_current").rows)) == 60
    rows = reader.mappings("SELECT run_id, status, rows_in FROM run ORDER BY started_at")
    run_id = release["run_id"]
    assert {row["run_id"]: row["status"] for row in rows} == dict.fromkeys(
        [run_id, *(f"{run_id}/{step}" for step in STEPS)], "done"
    )
    assert {row["rows_in"] for row in rows if row["run_id"] == run_id} == {60}, "what the first step read"
