"""Random nights on a small catalog, killed now and then, under a clock that jumps; each is checked by other readers."""

from __future__ import annotations

import os
from pathlib import Path

from pyspark.sql import SparkSession

from semid.cli import verify
from tests.soak.story import start


def test_ten_nights(spark: SparkSession, tmp_path: Path) -> None:
    """Ten nights of a fixed seed; another with SEMID_SOAK_SEED. `make faults` has two hundred."""
    soak = start(tmp_path, int(os.environ.get("SEMID_SOAK_SEED", "1")))
    for _ in range(10):
        soak.step()
    print(*soak.log, sep="\n")
    assert verify.main(["--warehouse", str(soak.oracle.warehouse)]) == 0
