"""GPU scheduling without a GPU: a standalone cluster whose worker says that it has one, under the address 5."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyspark
import pytest

from semid.config import packaged
from semid.frames.session import read_properties
from tests import tiny_model

APP = Path(__file__).with_name("gpu_app.py")
SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def daemon(log: Path, ready: str, *command: str) -> Iterator[None]:
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


@pytest.fixture
def master(tmp_path: Path) -> Iterator[str]:
    """A master and a worker with one core and one GPU, as its discovery script says."""
    found = script(tmp_path / "gpus.sh", """echo '{"name": "gpu", "addresses": ["5"]}'""")
    properties = tmp_path / "worker.conf"
    properties.write_text(f"spark.worker.resource.gpu.amount 1\nspark.worker.resource.gpu.discoveryScript {found}\n")
    port = free_port()
    url = f"spark://127.0.0.1:{port}"
    deploy = "org.apache.spark.deploy"
    here = ["--host", "127.0.0.1", "--webui-port", "0"]
    with ExitStack() as running:
        started = daemon(
            tmp_path / "master.log", "I have been elected leader", f"{deploy}.master.Master", *here, "--port", str(port)
        )
        running.enter_context(started)
        worker = ["--cores", "1", "--memory", "1g", "--work-dir", str(tmp_path / "work")]
        files = ["--properties-file", str(properties)]
        started = daemon(
            tmp_path / "worker.log", "registered with master", f"{deploy}.worker.Worker", *here, *worker, *files, url
        )
        running.enter_context(started)
        yield url


def test_the_assigned_gpu_reaches_the_embedder(master: str, tmp_path: Path) -> None:
    """The embedder asks for the task's own GPU and refuses without CUDA; without GPU resources the CPU embeds."""
    model = tiny_model.build(tmp_path / "tiny")
    command = [sys.executable, str(APP), master, str(model)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    without, with_gpu = json.loads(done.stdout.splitlines()[-1])
    assert with_gpu == "the task was given cuda:5, but torch sees 0 usable GPU(s) here"
    assert without == "2 vectors"


def test_the_discovery_script_lists_the_gpus_of_nvidia_smi(tmp_path: Path) -> None:
    """The packaged script prints the one line of JSON that Spark parses, and fails on a machine without GPUs."""
    script(
        tmp_path / "nvidia-smi", """[ "$*" = "--query-gpu=index --format=csv,noheader" ] && printf '0\\n1\\n10\\n'"""
    )
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [str(packaged("spark/discover_gpus.sh"))]
    printed = subprocess.run(command, capture_output=True, env=environment, check=True).stdout
    assert json.loads(printed) == {"name": "gpu", "addresses": ["0", "1", "10"]}
    script(tmp_path / "nvidia-smi", "exit 9")
    assert subprocess.run(command, capture_output=True, env=environment, check=False).returncode != 0


def test_the_gpu_properties_extend_the_cluster_properties() -> None:
    """gpu.conf is cluster.conf and more: a property corrected in one of the two is corrected in both."""
    cluster, gpu = (read_properties(str(packaged(f"spark/{name}.conf"))) for name in ("cluster", "gpu"))
    assert cluster.items() <= gpu.items()
    assert float(gpu["spark.task.resource.gpu.amount"]) * int(gpu["spark.executor.cores"]) == 1
    assert packaged("spark/" + Path(gpu["spark.executor.resource.gpu.discoveryScript"]).name).is_file()
