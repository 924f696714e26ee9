"""Processes of a training that several share, started by torchrun as `TorchDistributor` starts them.

Usage: torchrun --standalone --nproc-per-node=N -m tests.ranks FOLDER
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pyspark import cloudpickle

ROOT = Path(__file__).parents[1]

Task = TypeVar("Task")


def train(train_rank: Callable[[Task], bytes], task: Task, folder: Path, ranks: int) -> list[bytes]:
    """Return what every rank gives back; `folder` takes it, and the task, on the way as `TorchDistributor` does."""
    (folder / "task").write_bytes(cloudpickle.dumps((train_rank, task)))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    subprocess.run([*torchrun, "-m", "tests.ranks", str(folder)], cwd=ROOT, check=True)
    return [(folder / f"rank{rank}").read_bytes() for rank in range(ranks)]


def main(folder: Path) -> None:
    train_rank, task = cloudpickle.loads((folder / "task").read_bytes())
    (folder / f"rank{os.environ['RANK']}").write_bytes(train_rank(task))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
