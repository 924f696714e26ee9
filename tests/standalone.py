"""A standalone Spark cluster: a master and workers, each a process of its own, on this machine or on hosts of a network."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark

from semid.config import packaged
from tests.twins import ENVIRONMENT

SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
SUBMIT = SPARK_CLASS.with_name("spark-submit")
ROOT = Path(__file__).parents[1]
_DEPLOY = "org.apache.spark.deploy"
_SUBMITTED: dict[str, list[subprocess.Popen[str]]] = defaultdict(list)
"""The jobs of each cluster: one whose test failed halfway would work on beside the next."""


@dataclass(frozen=True)
class Host:
    """Where processes run: the address they listen at, and the words before a command that start it there."""

    address: str
    entry: tuple[str, ...] = ()


HERE = Host("127.0.0.1")


@contextmanager
def cluster(folder: Path, workers: Sequence[Host], properties: str = "", head: Host = HERE) -> Iterator[str]:
    """Run a master and workers of one core and 1 GiB each; give the master's address.

    Args:
        folder: Where logs and work folders go.
        workers: The host of each.
        properties: Lines of the workers' properties file.
        head: The master's host.
    """
    folder.mkdir()
    file = folder / "worker.conf"
    file.write_text(properties)
    port = _free_port()
    url = f"spark://{head.address}:{port}"
    with ExitStack() as running:
        command = [f"{_DEPLOY}.master.Master", "--port", str(port)]
        running.enter_context(_daemon(head, folder / "master.log", "I have been elected leader", *command))
        for number, host in enumerate(workers):
            command = [f"{_DEPLOY}.worker.Worker", "--cores", "1", "--memory", "1g"]
            command += ["--work-dir", str(folder / f"work{number}"), "--properties-file", str(file), url]
            running.enter_context(_daemon(host, folder / f"worker{number}.log", "registered with master", *command))
        running.callback(lambda: [process.kill() for process in _SUBMITTED.pop(url, [])])
        yield url


def submit(
    master: str, arguments: Sequence[str], conf: Mapping[str, str], driver: Host = HERE, **environment: str
) -> subprocess.Popen[str]:
    """Start a job with spark-submit on a cluster whose executors have one core each; what it says comes on stdout.

    spark-submit gives a Python driver's stderr, where a job logs, to its own stdout, and logs to stderr itself.

    Args:
        master: The cluster.
        arguments: The job's name and its flags.
        conf: More of Spark's properties.
        driver: Where the job itself runs.
        environment: More variables of the driver.
    """
    properties = {
        "spark.executor.memory": "900m",
        "spark.executor.cores": "1",
        "spark.pyspark.python": sys.executable,
        "spark.driver.host": driver.address,
        "spark.driver.bindAddress": driver.address,
        **conf,
    }
    words = [word for key, value in properties.items() for word in ("--conf", f"{key}={value}")]
    job = str(ROOT / "jobs" / f"{arguments[0].replace('-', '_')}.py")
    command = [*driver.entry, str(SUBMIT), "--properties-file", str(packaged("spark/local.conf")), "--master", master]
    process = subprocess.Popen(
        [*command, *words, job, *arguments[1:]],
        env=ENVIRONMENT | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    _SUBMITTED[master].append(process)
    return process


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def _daemon(host: Host, log: Path, ready: str, name: str, *arguments: str) -> Iterator[None]:
    """A Spark process that runs until the block ends; the block starts when its log says `ready`."""
    environment = {**os.environ, "SPARK_LOCAL_IP": host.address, "SPARK_NO_DAEMONIZE": "1"}
    command = [*host.entry, str(SPARK_CLASS), name, "--host", host.address, "--webui-port", "0", *arguments]
    with log.open("w") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env=environment)
        try:
            deadline = time.monotonic() + 90
            while ready not in log.read_text():
                assert process.poll() is None, log.read_text()[-2000:]
                assert time.monotonic() < deadline, log.read_text()[-2000:]
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(30)
