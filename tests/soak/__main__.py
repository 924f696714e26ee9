"""Random nights in a Spark of their own: python -m tests.soak FOLDER [--seed 1] [--nights 100].

A line per night with its seconds; in the end `semid verify` reads everything. Two of these keep two cores busy.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from semid.cli import verify
from semid.cli.job import start_session
from semid.config import SparkConfig
from tests import warm_spark
from tests.soak.story import start

# A few rows in many small queries: one thread and one partition of everything, and no plan is compiled or changed.
CHANGED = {
    "spark.master": "local[1,4]",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.files.minPartitionNum": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nights", type=int, default=100)
    flags = parser.parse_args()
    flags.folder.mkdir(parents=True)
    session = start_session(SparkConfig(properties=warm_spark.properties(flags.folder / "spark.conf", CHANGED)))
    session.sparkContext.setLogLevel("OFF")
    soak = start(flags.folder, flags.seed)
    began = time.monotonic()
    for number in range(1, flags.nights + 1):
        started, known = time.monotonic(), len(soak.log)
        soak.step()
        print(f"{number} {time.monotonic() - started:.1f} s: {'; '.join(soak.log[known:])}", flush=True)
    print(f"{flags.nights} nights of seed {flags.seed} in {time.monotonic() - began:.0f} s", flush=True)
    return verify.main(["--warehouse", str(flags.folder / "warehouse")])


if __name__ == "__main__":
    sys.exit(main())
