"""Random nights on a small catalog, killed on the way now and then; after each everything is checked by other readers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from semid.cli import verify
from tests.soak.story import start

pytestmark = pytest.mark.faults


def soak(folder: Path, seed: int, nights: int) -> None:
    run = start(folder, seed)
    for _ in range(nights):
        run.step()
    print(*run.log, sep="\n")
    assert verify.main(["--warehouse", str(run.oracle.warehouse)]) == 0


def test_ten_nights(spark: SparkSession, tmp_path: Path) -> None:
    """Ten nights of a fixed seed; another with SEMID_SOAK_SEED."""
    soak(tmp_path, int(os.environ.get("SEMID_SOAK_SEED", "1")), 10)


@pytest.mark.parametrize("seed", [2, 3])
def test_a_hundred_nights(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    """Twice a hundred nights."""
    soak(tmp_path, seed, 100)
