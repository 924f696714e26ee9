"""Processes of a training that several share, started by torchrun as `TorchDistributor` starts them.

Usage: torchrun --standalone --nproc-per-node=N -m tests.ranks FOLDER
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from semid.quantize.rqvae_params import RqvaeParams
from semid.quantize.rqvae_ranks import RankTask, train_rank

ROOT = Path(__file__).parents[1]


def train(task: RankTask, folder: Path, ranks: int) -> list[bytes]:
    """Return what every rank gives back; `folder` takes it, and the task, on the way."""
    (folder / "start").write_bytes(task.start)
    np.save(folder / "judged.npy", task.judged)
    rest = {"files": task.files, "params": asdict(task.params), "seed": task.seed}
    (folder / "rest.json").write_text(json.dumps(rest))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    subprocess.run([*torchrun, "-m", "tests.ranks", str(folder)], cwd=ROOT, check=True)
    return [(folder / f"rank{rank}").read_bytes() for rank in range(ranks)]


def main(folder: Path) -> None:
    rest = json.loads((folder / "rest.json").read_text())
    params = RqvaeParams(**rest["params"])
    start, judged = (folder / "start").read_bytes(), np.load(folder / "judged.npy")
    task = RankTask(tuple(rest["files"]), start, judged, params, rest["seed"])
    (folder / f"rank{os.environ['RANK']}").write_bytes(train_rank(task))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
