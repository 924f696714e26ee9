"""Two hundred random nights, killed now and then; after each everything is checked by other readers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]


def test_two_hundred_nights(tmp_path: Path) -> None:
    """Two processes of a hundred nights each, so that both of two cores work."""
    running = []
    for seed in (2, 3):
        command = [
            sys.executable,
            "-m",
            "tests.soak",
            str(tmp_path / str(seed)),
            "--seed",
            str(seed),
            "--nights",
            "100",
        ]
        with (tmp_path / f"{seed}.log").open("w") as log:
            running.append((log.name, subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)))
    for log_file, process in running:
        assert process.wait() == 0, Path(log_file).read_text()[-5000:]
