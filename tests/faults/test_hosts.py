"""A cluster whose workers are other hosts: network namespaces with addresses of their own, where the machine permits them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession

from semid.config import packaged
from tests import hosts, standalone
from tests.standalone import Place
from tests.twins import ENVIRONMENT, NIGHT2, content, flags

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]
SUBMIT = standalone.SPARK_CLASS.with_name("spark-submit")


def test_a_night_on_two_hosts(spark: SparkSession, nights: Path, tmp_path: Path) -> None:
    """Executors on both hosts, shuffling to each other over the network, give the tables of one process."""
    shutil.copytree(nights / "first", tmp_path / "warehouse")
    try:
        with hosts.hosts(2) as made:
            places = [Place(hosts.HERE), *(Place(address, hosts.on(name)) for name, address in made.items())]
            with standalone.cluster(tmp_path / "cluster", 2, places=places) as master:
                seen = night(master, flags(tmp_path / "warehouse", str(nights / "feed.jsonl"), NIGHT2))
    except PermissionError as error:
        pytest.skip(f"no network namespaces here: {error}")
    assert seen == set(made)
    assert content(spark, tmp_path / "warehouse") == content(spark, nights / "twin")


def night(master: str, arguments: list[str]) -> set[str]:
    """Run the nightly job with spark-submit; return the hosts that had executors while it ran."""
    conf = {
        "spark.driver.host": hosts.HERE,
        "spark.driver.bindAddress": hosts.HERE,
        "spark.executor.memory": "900m",
        "spark.executor.cores": "1",
        "spark.pyspark.python": sys.executable,
    }
    words = [word for key, value in conf.items() for word in ("--conf", f"{key}={value}")]
    file = ["--properties-file", str(packaged("spark/local.conf"))]
    command = [str(SUBMIT), *file, "--master", master, *words, str(ROOT / "jobs" / "nightly.py"), *arguments[1:]]
    seen: set[str] = set()
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "assign_ids" in line:
            seen = {hosts.host_of(executor.pid) for executor in executors()}
    assert process.wait() == 0, "".join(said[-40:])
    return seen


def executors() -> list[psutil.Process]:
    sign = "CoarseGrainedExecutorBackend"
    return [p for p in psutil.process_iter(["cmdline"]) if sign in " ".join(p.info["cmdline"] or [])]
