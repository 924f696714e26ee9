"""A standalone cluster of two workers that loses executors and starts second attempts: the rows are the same."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession

from tests import sabotage, standalone
from tests.twins import NIGHT2, content, flags, undisturbed

pytestmark = pytest.mark.faults

SPECULATION = {
    # Every task that takes longer than the first tenth of its stage is started a second time.
    "spark.speculation": "true",
    "spark.speculation.quantile": "0.1",
    "spark.speculation.multiplier": "1.01",
    "spark.speculation.interval": "20ms",
    "spark.speculation.minTaskRuntime": "10ms",
}


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # Two addresses of this machine: Spark starts no second attempt on the host of the first.
    workers = [standalone.HERE, standalone.Host("127.0.0.2")]
    with standalone.cluster(tmp_path_factory.mktemp("spark") / "cluster", workers) as url:
        yield url


def executors() -> list[psutil.Process]:
    """The Java processes of this cluster's executors, not of another on this machine."""
    sign, ours = "CoarseGrainedExecutorBackend", {p.pid for p in psutil.Process().children(recursive=True)}
    found = psutil.process_iter(["cmdline"])
    return [p for p in found if p.pid in ours and sign in " ".join(p.info["cmdline"] or [])]


@pytest.mark.parametrize("losses", [0, 2])
def test_executors_are_lost_on_the_way(
    spark: SparkSession, nights: Path, master: str, tmp_path: Path, losses: int
) -> None:
    """Each loss costs attempts, not rows: the tables are those of the twin, which ran in one process.

    Spark's own record shows second attempts that were started beside the first.
    """
    shutil.copytree(nights / "first", tmp_path / "warehouse")
    command = flags(tmp_path / "warehouse", str(nights / "feed.jsonl"), NIGHT2)
    process = standalone.submit(master, command, SPECULATION | sabotage.recorded(tmp_path / "events"))
    assert process.stdout is not None
    said, lost = [], 0
    for line in process.stdout:
        said.append(line)
        if lost < losses and ("/6 embed_items" in line or "/6 assign_ids" in line):
            time.sleep(1)
            os.kill(executors()[0].pid, signal.SIGKILL)
            lost += 1
    assert process.wait() == 0, "".join(said[-40:])
    assert lost == losses
    assert any(event.get("Task Info", {}).get("Speculative") for event in sabotage.events(tmp_path / "events"))
    assert content(spark, tmp_path / "warehouse") == content(spark, nights / "twin")


def test_executors_that_die_each_time_they_work_end_the_run(
    spark: SparkSession, nights: Path, master: str, tmp_path: Path
) -> None:
    """After four attempts exit 7 with the cause and the release that readers still have; later it goes on."""
    shutil.copytree(nights / "first", tmp_path / "warehouse")
    command = flags(tmp_path / "warehouse", str(nights / "feed.jsonl"), NIGHT2)
    path = sabotage.at_each_embedding(tmp_path / "path", sabotage.TAKES_ITS_EXECUTOR_WITH_IT)
    process = standalone.submit(master, command, SPECULATION | {"spark.executorEnv.PYTHONPATH": path})
    said = process.communicate()[0]
    assert process.returncode == 7, said
    assert "executors were lost again and again" in said
    assert "current release is 1" in said
    undisturbed(command)
    assert content(spark, tmp_path / "warehouse") == content(spark, nights / "twin")
