"""A standalone Spark cluster on this machine: a master and workers, each a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pyspark

SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
_DEPLOY = "org.apache.spark.deploy"


class Place(NamedTuple):
    """Where a process runs: the address that it binds, and the words that start a command there."""

    address: str = "127.0.0.1"
    words: Sequence[str] = ()


@contextmanager
def cluster(folder: Path, workers: int, properties: str = "", places: Sequence[Place] = ()) -> Iterator[str]:
    """Run a master and `workers` workers of one core and 1 GiB each; give the master's address.

    Args:
        folder: Where logs and work folders go.
        workers: How many.
        properties: Lines of the workers' properties file.
        places: The master's, then each worker's; without any, all are on this machine's loopback.
    """
    places = places or [Place()] * (1 + workers)
    folder.mkdir()
    file = folder / "worker.conf"
    file.write_text(properties)
    port = _free_port()
    url = f"spark://{places[0].address}:{port}"
    with ExitStack() as running:
        command = [f"{_DEPLOY}.master.Master", "--webui-port", "0", "--port", str(port)]
        running.enter_context(_daemon(folder / "master.log", "I have been elected leader", places[0], *command))
        for number in range(workers):
            command = [f"{_DEPLOY}.worker.Worker", "--webui-port", "0", "--cores", "1", "--memory", "1g"]
            command += ["--work-dir", str(folder / f"work{number}"), "--properties-file", str(file)]
            log, place = folder / f"worker{number}.log", places[1 + number]
            running.enter_context(_daemon(log, "registered with master", place, *command, url))
        yield url


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def _daemon(log: Path, ready: str, place: Place, name: str, *arguments: str) -> Iterator[None]:
    """A Spark process that runs until the block ends; the block starts when its log says `ready`."""
    environment = {**os.environ, "SPARK_LOCAL_IP": place.address, "SPARK_NO_DAEMONIZE": "1"}
    command = [*place.words, str(SPARK_CLASS), name, "--host", place.address, *arguments]
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
