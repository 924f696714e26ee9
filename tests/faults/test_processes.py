"""Processes that are ended at any time, die while they embed, or run at once: nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession

from semid.tables.store import Store
from tests import sabotage
from tests.nights import SETTINGS
from tests.twins import NIGHT2, content, flags, started, undisturbed

pytestmark = pytest.mark.faults

SEED = int(os.environ.get("SEMID_KILL_SEED", "1"))
"""Of the moments at which a driver is killed."""


@pytest.fixture
def second_night(nights: Path, tmp_path: Path) -> list[str]:
    """The command of the second night, in a copy of the warehouse."""
    shutil.copytree(nights / "first", tmp_path / "warehouse")
    return flags(tmp_path / "warehouse", str(nights / "feed.jsonl"), NIGHT2)


def steps_done(process: subprocess.Popen[str], first: str = "ingest_catalog") -> None:
    """Wait until the run says that it starts its first step, or a later one."""
    assert process.stderr is not None
    for line in process.stderr:
        if first in line:
            return


def python_workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The Python processes that Spark has started below `process`, without the daemon they are forked from."""
    try:
        below = psutil.Process(process.pid).children(recursive=True)
        daemons = [child for child in below if "pyspark.daemon" in " ".join(child.cmdline())]
        return [child for child in daemons if any(child.ppid() == other.pid for other in daemons)]
    except psutil.NoSuchProcess:
        return []


def kill_a_worker(process: subprocess.Popen[str]) -> None:
    """Kill the first Python worker that appears."""
    while process.poll() is None:
        for worker in python_workers(process):
            os.kill(worker.pid, signal.SIGKILL)
            return
        time.sleep(0.02)


def test_a_driver_ended_at_random_times(
    spark: SparkSession, nights: Path, second_night: list[str], tmp_path: Path
) -> None:
    """Three times kill -9, once SIGTERM, each some seconds into the steps: the run after them gives the twin's rows."""
    rng = random.Random(SEED)
    for number in (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
        process = started(second_night)
        steps_done(process)
        time.sleep(rng.uniform(0, 20))
        process.send_signal(number)
        process.communicate()
        assert process.returncode in (-number, 128 + number, 0)  # 0: the night was over before
    undisturbed(second_night)
    assert content(spark, tmp_path / "warehouse") == content(spark, nights / "twin")


def test_ctrl_c_while_it_embeds(spark: SparkSession, nights: Path, second_night: list[str], tmp_path: Path) -> None:
    """Spark's job is cancelled: no vector of it is stored. A few lines say so, and the same command goes on."""
    process = started(second_night, PYTHONPATH=sabotage.at_each_embedding(tmp_path / "path", sabotage.TAKES_A_MINUTE))
    steps_done(process, "embed_items: 0 of")  # five seconds into Spark's job, which takes a minute
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 130, said
    assert "semid: stopped: by Ctrl-C" in said
    assert "KeyboardInterrupt" not in said  # Spark's daemon may tell of a worker that was cancelled
    store, before = Store(spark, str(tmp_path / "warehouse")), Store(spark, str(nights / "first"))
    (run,) = store.read("run").where(f"run_date = '{NIGHT2}' AND job = 'nightly'").collect()
    assert (run.status, run.message) == ("failed", "KeyboardInterrupt")
    assert store.version("item_embedding") == before.version("item_embedding")
    undisturbed(second_night)
    assert content(spark, tmp_path / "warehouse") == content(spark, nights / "twin")


def test_a_python_worker_that_dies_once_is_replaced(
    spark: SparkSession, nights: Path, second_night: list[str], tmp_path: Path
) -> None:
    """Spark's second attempt embeds what the first one had not; the night ends as if nothing had been."""
    process = started(second_night)
    kill_a_worker(process)
    said = process.communicate()[1]
    assert process.returncode == 0, said
    assert content(spark, tmp_path / "warehouse") == content(spark, nights / "twin")


@pytest.mark.parametrize(
    ("act", "cause"),
    [(sabotage.DIES, "a Python worker died"), (sabotage.HAS_NO_MEMORY_LEFT, "memory ran out")],
    ids=["killed each time", "out of memory each time"],
)
def test_workers_that_fail_each_time_end_the_run(
    spark: SparkSession, nights: Path, second_night: list[str], tmp_path: Path, act: str, cause: str
) -> None:
    """After four attempts exit 7 with the cause and the release that readers still have; later it goes on."""
    process = started(second_night, PYTHONPATH=sabotage.at_each_embedding(tmp_path / "path", act))
    said = process.communicate()[1]
    assert process.returncode == 7, said
    assert cause in said
    assert "current release is 1" in said
    undisturbed(second_night)
    assert content(spark, tmp_path / "warehouse") == content(spark, nights / "twin")


def test_a_java_process_that_is_killed_ends_the_run(
    spark: SparkSession, nights: Path, second_night: list[str], tmp_path: Path
) -> None:
    """As the system does it when memory runs out: exit 7 that says so; the next run is there once, as in the twin."""
    process = started(second_night)
    steps_done(process)
    time.sleep(random.Random(SEED).uniform(0, 10))
    (java,) = [child for child in psutil.Process(process.pid).children() if child.name() == "java"]
    java.kill()
    said = process.communicate()[1]
    assert process.returncode == 7, said
    assert "Spark's Java process has ended" in said
    undisturbed(second_night)
    assert content(spark, tmp_path / "warehouse") == content(spark, nights / "twin")


@pytest.mark.parametrize("other", ["nightly", "retrain", "backfill"])
def test_two_jobs_at_once(
    spark: SparkSession, nights: Path, second_night: list[str], tmp_path: Path, other: str
) -> None:
    """One works, the other ends with 5 and names it; given again, the night is there once, as in the twin."""
    warehouse = str(tmp_path / "warehouse")
    shutil.copyfile(nights / "feed.jsonl", tmp_path / f"{NIGHT2}.jsonl")
    dated = ["--catalog", str(tmp_path / "{date}.jsonl"), "--start", NIGHT2, "--end", NIGHT2]
    rivals = {
        "nightly": second_night,
        "retrain": ["retrain", "--warehouse", warehouse, "--run-date", NIGHT2, "--shadow", *SETTINGS],
        "backfill": ["backfill", "--warehouse", warehouse, *dated, *SETTINGS],
    }
    first = started(second_night)
    steps_done(first)  # it holds the warehouse
    second = started(rivals[other])
    said = second.communicate()[1]
    assert second.returncode == 5, said
    assert f"another run holds the warehouse: nightly of {NIGHT2}" in said
    first.communicate()
    assert first.returncode == 0
    undisturbed(second_night)
    assert content(spark, tmp_path / "warehouse") == content(spark, nights / "twin")
