"""Random nights, killed now and then, under a clock that jumps; after each everything is checked by other readers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from semid.cli import verify
from tests.soak.story import start

ROOT = Path(__file__).parents[2]


def test_ten_nights(spark: SparkSession, tmp_path: Path) -> None:
    """Ten nights of a fixed seed; another with SEMID_SOAK_SEED."""
    soak = start(tmp_path, int(os.environ.get("SEMID_SOAK_SEED", "1")))
    for _ in range(10):
        soak.step()
    print(*soak.log, sep="\n")
    assert verify.main(["--warehouse", str(soak.oracle.warehouse)]) == 0


@pytest.mark.faults
def test_two_hundred_nights(tmp_path: Path) -> None:
    """Two processes of a hundred nights each, so that both of two cores work."""
    running = []
    for seed in ("2", "3"):
        command = [sys.executable, "-m", "tests.soak", str(tmp_path / seed), "--seed", seed, "--nights", "100"]
        with (tmp_path / f"{seed}.log").open("w") as log:
            running.append((log.name, subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)))
    for log_file, process in running:
        assert process.wait() == 0, Path(log_file).read_text()[-5000:]
