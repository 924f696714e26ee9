"""Two hosts with a network between them: nights by spark-submit with the packaged zip, and a host that is lost on the way.

The hosts are network namespaces of this machine (`tests/hosts.py`); the disk is one that all share.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from tests import hosts, package, sabotage, standalone
from tests.hosts import Network
from tests.nights import SETTINGS
from tests.twins import NIGHT1, NIGHT2, content, flags, undisturbed

pytestmark = pytest.mark.faults

Lose = Callable[[Network, int, Path], None]

# Spark's own 120 s and 60 s would make a test of what takes a minute last five.
NOTICED_SOON = {
    "spark.network.timeout": "15s",
    "spark.network.timeoutInterval": "5s",
    "spark.executor.heartbeatInterval": "2s",
}


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    if reason := hosts.refused():
        pytest.skip(f"network namespaces cannot be made here: {reason}")
    with hosts.network(2) as made:
        yield made


@pytest.fixture
def master(network: Network, tmp_path: Path) -> Iterator[str]:
    """A master on the head and a worker on each host."""
    with standalone.cluster(tmp_path / "cluster", network.hosts, head=network.head) as url:
        yield url


def worked(folder: Path) -> set[str]:
    """Return the addresses of the executors that finished tasks, by Spark's own record."""
    ended = (event for event in sabotage.events(folder) if event["Event"] == "SparkListenerTaskEnd")
    return {event["Task Info"]["Host"] for event in ended if event["Task End Reason"]["Reason"] == "Success"}


def test_two_hosts_make_the_tables_of_one_process(
    spark: SparkSession, nights: Path, network: Network, master: str, tmp_path: Path
) -> None:
    """Two nights from the zip alone, each worked on by both hosts, end as the twin's did on one machine."""
    without = package.without_checkout(tmp_path / "without")
    conf = {"spark.submit.pyFiles": str(package.build(tmp_path / "source")), "spark.executorEnv.PYTHONPATH": without}
    for feed, day in (("feed1.jsonl", NIGHT1), ("feed.jsonl", NIGHT2)):
        events = tmp_path / f"events-{day}"
        arguments = flags(tmp_path / "warehouse", str(nights / feed), day)
        process = standalone.submit(
            master, arguments, conf | sabotage.recorded(events), network.head, PYTHONPATH=without
        )
        said = process.communicate()[0]
        assert process.returncode == 0, said[-4000:]
        assert worked(events) == {host.address for host in network.hosts}
    assert content(spark, tmp_path / "warehouse") == content(spark, nights / "twin")


def kill(network: Network, worker: int, events: Path) -> None:
    """End the executor that embeds, and with it what it has in hand."""
    os.kill(psutil.Process(worker).parents()[1].pid, signal.SIGKILL)


def cut_off(network: Network, worker: int, events: Path) -> None:
    """Cut off the host that embeds: it goes on by itself, with the disk and without the driver."""
    network.cut(network.host_of(worker))


def cut_off_for_a_while(network: Network, worker: int, events: Path) -> None:
    """Cut off the host that embeds, until the driver has given it up: it comes back with its work half done."""
    host = network.host_of(worker)
    network.cut(host)
    until(lambda: removed(events) != [], "the driver gives up the executor")
    network.join(host)


@pytest.mark.parametrize("lose", [kill, cut_off, cut_off_for_a_while])
def test_a_host_is_lost_while_it_embeds(
    spark: SparkSession, nights: Path, network: Network, master: str, tmp_path: Path, lose: Lose
) -> None:
    """The other host does its work again, the shuffle files that went with it too: the tables are the twin's.

    What the lost host still does counts for nothing: cut off, it ends its task and tells nobody.
    """
    shutil.copytree(nights / "first", tmp_path / "warehouse")
    events, place = tmp_path / "events", tmp_path / "place"
    path = sabotage.at_each_embedding(tmp_path / "path", sabotage.waits_once(place))
    conf = {**NOTICED_SOON, **sabotage.recorded(events), "spark.executorEnv.PYTHONPATH": path}
    arguments = flags(tmp_path / "warehouse", str(nights / "feed.jsonl"), NIGHT2)
    process = standalone.submit(master, arguments, conf, network.head)
    with ThreadPoolExecutor() as pool, ExitStack() as at_the_end:
        at_the_end.callback(process.kill)
        said = pool.submit(process.communicate)
        until((place / "pid").exists, "a worker embeds")
        worker = int((place / "pid").read_text())
        at_the_end.callback(network.join, network.host_of(worker))
        lose(network, worker, events)
        (place / "go").touch()
        assert process.wait(600) == 0, said.result()[0][-4000:]
    assert removed(events)
    assert stages_repeated(events)
    assert content(spark, tmp_path / "warehouse") == content(spark, nights / "twin")


def removed(folder: Path) -> list[str]:
    """Return why the driver gave up executors, by Spark's own record."""
    lines = [line for file in folder.iterdir() for line in file.read_text().splitlines() if "ExecutorRemoved" in line]
    return [json.loads(line)["Removed Reason"] for line in lines]


def stages_repeated(folder: Path) -> bool:
    """Return whether a stage that was done ran again, for the shuffle files that were lost."""
    done = (event for event in sabotage.events(folder) if event["Event"] == "SparkListenerStageCompleted")
    return any(event["Stage Info"]["Stage Attempt ID"] > 0 for event in done)


def until(happened: Callable[[], bool], what: str) -> None:
    """Wait until something happens; five minutes at most, on a machine with other work."""
    deadline = time.monotonic() + 300
    while not happened():
        assert time.monotonic() < deadline, f"not seen: {what}"
        time.sleep(0.2)


def test_two_hosts_train_what_two_processes_do(nights: Path, network: Network, master: str, tmp_path: Path) -> None:
    """A sample that the driver does not take is trained on by a process per host: the bytes that two here learn."""
    two = ["--set", "codebook.driver_rows=100", "--set", "codebook.params={epochs: 5, batch_rows: 256}"]
    arguments = ["train-codebook", "--run-date", NIGHT1, *SETTINGS, *two]
    for place in ("here", "there"):
        for table in ("item_catalog", "item_embedding"):
            shutil.copytree(nights / "first" / table, tmp_path / place / table)
    undisturbed([*arguments, "--warehouse", str(tmp_path / "here")])
    conf = sabotage.recorded(tmp_path / "events")
    process = standalone.submit(master, [*arguments, "--warehouse", str(tmp_path / "there")], conf, network.head)
    said = process.communicate()[0]
    assert process.returncode == 0, said[-4000:]
    assert trained(tmp_path / "events") == {host.address for host in network.hosts}
    here, there = (DeltaTable(tmp_path / place / "codebook").to_pyarrow_table() for place in ("here", "there"))
    assert here["artifact_sha256"] == there["artifact_sha256"]


def trained(folder: Path) -> set[str]:
    """Return the addresses of the executors whose tasks had to start together, as only those of a training do."""
    record = list(sabotage.events(folder))
    done = (event["Stage Info"] for event in record if event["Event"] == "SparkListenerStageCompleted")
    stages = {stage["Stage ID"] for stage in done if any(rdd["Barrier"] for rdd in stage["RDD Info"])}
    ended = (event for event in record if event["Event"] == "SparkListenerTaskEnd")
    return {event["Task Info"]["Host"] for event in ended if event["Stage ID"] in stages}


# A host's GPU is called by the last number of its address.
DISCOVERY = """#!/bin/sh
echo "{\\"name\\": \\"gpu\\", \\"addresses\\": [\\"${SPARK_LOCAL_IP##*.}\\"]}"
"""


def test_a_task_gets_the_gpu_of_its_host(nights: Path, network: Network, tmp_path: Path) -> None:
    """A night from the zip asks for GPUs: each executor has its host's, and embedding asks torch for the task's own.

    There is none, so the night ends with 7 and publishes nothing.
    """
    script, without = tmp_path / "gpus.sh", package.without_checkout(tmp_path / "without")
    script.write_text(DISCOVERY)
    script.chmod(0o755)
    gpus = f"spark.worker.resource.gpu.amount 1\nspark.worker.resource.gpu.discoveryScript {script}\n"
    conf = {
        **sabotage.recorded(tmp_path / "events"),
        "spark.submit.pyFiles": str(package.build(tmp_path / "source")),
        "spark.executorEnv.PYTHONPATH": without,
        "spark.executor.resource.gpu.amount": "1",
        "spark.task.resource.gpu.amount": "1",
    }
    shutil.copytree(nights / "first", tmp_path / "warehouse")
    arguments = flags(tmp_path / "warehouse", str(nights / "feed.jsonl"), NIGHT2)
    with standalone.cluster(tmp_path / "cluster", network.hosts, gpus, network.head) as master:
        process = standalone.submit(master, arguments, conf, network.head, PYTHONPATH=without)
        said = process.communicate()[0]
    assert process.returncode == 7, said[-4000:]
    assert re.search(r"the task was given cuda:[23], but torch sees 0 usable GPU\(s\)", said)
    assert "current release is 1" in said
    added = [e["Executor Info"] for e in sabotage.events(tmp_path / "events") if "ExecutorAdded" in e["Event"]]
    given = {info["Host"]: info["Resources"]["gpu"]["addresses"] for info in added}
    assert given == {host.address: [host.address.rpartition(".")[2]] for host in network.hosts}
