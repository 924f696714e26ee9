"""GPU scheduling without a GPU: a standalone cluster whose worker says that it has one, under the address 5."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from semid.config import packaged
from semid.frames.session import read_properties
from tests import standalone, tiny_model

APP = Path(__file__).with_name("gpu_app.py")


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def master(tmp_path: Path) -> Iterator[str]:
    """A master and a worker with one core and one GPU, as its discovery script says."""
    found = script(tmp_path / "gpus.sh", """echo '{"name": "gpu", "addresses": ["5"]}'""")
    gpu = f"spark.worker.resource.gpu.amount 1\nspark.worker.resource.gpu.discoveryScript {found}\n"
    with standalone.cluster(tmp_path / "cluster", [standalone.HERE], gpu) as url:
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
