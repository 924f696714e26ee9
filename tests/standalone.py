"""A standalone Spark cluster on this machine: a master and workers, each a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyspark

SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
_DEPLOY = "org.apache.spark.deploy"


@contextmanager
def cluster(folder: Path, workers: int, properties: str = "") -> Iterator[str]:
    """Run a master and `workers` workers of one core and 1 GiB each; give the master's address.

    Args:
        folder: Where logs and work folders go.
        workers: How many.
        properties: Lines of the workers' properties file.
    """
    folder.mkdir()
    file = folder / "worker.conf"
    file.write_text(properties)
    port = _free_port()
    url, here = f"spark://127.0.0.1:{port}", ["--host", "127.0.0.1", "--webui-port", "0"]
    with ExitStack() as running:
        command = [f"{_DEPLOY}.master.Master", *here, "--port", str(port)]
        running.enter_context(_daemon(folder / "master.log", "I have been elected leader", *command))
        for number in range(workers):
            command = [f"{_DEPLOY}.worker.Worker", *here, "--cores", "1", "--memory", "1g"]
            command += ["--work-dir", str(folder / f"work{number}"), "--properties-file", str(file), url]
            running.enter_context(_daemon(folder / f"worker{number}.log", "registered with master", *command))
        yield url


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def _daemon(log: Path, ready: str, *command: str) -> Iterator[None]:
    """A Spark process that runs until the block ends; the block starts when its log says `ready`."""
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_NO_DAEMONIZE": "1"}
    with log.open("w") as sink:
        process = subprocess.Popen([str(SPARK_CLASS), *command], stdout=sink, stderr=sink, env=environment)
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
