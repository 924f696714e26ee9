"""Run the measuring catalogs through `semid nightly` and print the tables of docs/benchmarks.md.

Usage: nights.py [--out FOLDER] [NAME ...]      (the catalogs' folder: SEMID_CATALOGS, else ../shared/data)
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pyarrow.parquet as pq

from semid.tables.query import Reader, open_reader

HERE = Path(__file__)
BEAUTY_TEXT = "text.parts=['{title}', '{brand}', '{category}']"


@dataclass(frozen=True)
class Case:
    """A catalog: its snapshots in order, and the settings it needs."""

    name: str
    snapshots: tuple[tuple[str, str], ...]
    settings: tuple[str, ...] = ()


CASES = (
    Case("amazon_beauty_2014", (("2014-07-23", "items.parquet"),), (BEAUTY_TEXT,)),
    Case(
        "tate_collection",
        (("2013-10-24", "items_2013-10-24.parquet"), ("2014-01-08", "items_2014-01-08.parquet")),
    ),
    Case(
        "cmoa_collection",
        (("2015-12-08", "items_2015-12-08.parquet"), ("2016-01-06", "items_2016-01-06.parquet")),
    ),
    Case("completejourney", (("2017-12-31", "items.parquet"),)),
    Case("online_retail_uci", (("2011-12-09", "items_raw.parquet"),), ("catalog.max_quarantined=0.5",)),
)


@dataclass
class Memory:
    """Peak resident memory in MiB by role: the driver's JVM, the driver's Python, the largest Python worker."""

    peaks: dict[str, float] = field(default_factory=dict)

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        root = psutil.Process(process.pid)
        while process.poll() is None:
            for child in [root, *root.children(recursive=True)]:
                self._note(root, child)
            time.sleep(0.5)

    def _note(self, root: psutil.Process, child: psutil.Process) -> None:
        try:
            role = "driver" if child == root else "jvm" if "java" in child.name() else "worker"
            used = child.memory_info().rss / 2**20
        except psutil.Error:
            return
        self.peaks[role] = max(self.peaks.get(role, 0.0), used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench"))
    parser.add_argument("names", nargs="*")
    flags = parser.parse_args()
    flags.out.mkdir(parents=True, exist_ok=True)
    catalogs = Path(os.environ.get("SEMID_CATALOGS", HERE.parents[3] / "shared" / "data"))
    chosen = [case for case in CASES if not flags.names or case.name in flags.names]
    for case in chosen:
        for night, (day, file) in enumerate(case.snapshots, 1):
            feed = catalogs / case.name / file
            if not feed.is_file():
                sys.exit(f"the catalog is not here: {feed} (set SEMID_CATALOGS)")
            run_night(case, night, day, feed, flags.out / case.name)


def run_night(case: Case, night: int, day: str, feed: Path, warehouse: Path) -> int:
    """Run a night, print its tables, and return its exit code."""
    settings = [word for setting in case.settings for word in ("--set", setting)]
    command = [sys.executable, "-m", "semid.cli.main", "nightly", "--warehouse", str(warehouse)]
    command += ["--catalog", str(feed), "--run-date", day, *settings]
    memory = Memory()
    started = time.monotonic()
    with (warehouse.parent / f"{case.name}-{night}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        memory.watch(process)
    seconds = time.monotonic() - started
    print(f"\n### {case.name}, night {night} ({day}): {pq.read_metadata(feed).num_rows:,} rows in the feed, "
          f"exit {process.returncode}, {seconds:.0f} s in all, peak MiB "
          + ", ".join(f"{role} {peak:,.0f}" for role, peak in sorted(memory.peaks.items())))  # fmt: skip
    if process.returncode == 0:
        report(open_reader(str(warehouse)), day)
    return process.returncode


def report(reader: Reader, day: str) -> None:
    print("\n| step | seconds | rows in | rows out | counts |\n|---|---|---|---|---|")
    steps = reader.mappings(
        f"SELECT job, seconds, rows_in, rows_out, metrics FROM run "
        f"WHERE run_date = DATE '{day}' AND contains(run_id, '/') ORDER BY started_at"
    )
    for step in steps:
        counts = {k: v for k, v in json.loads(step["metrics"] or "{}").items() if v not in (0, {}, [], "")}
        counts.pop("feed_fingerprint", None)
        cells = f"{step['seconds']:.1f} | {step['rows_in']:,} | {step['rows_out']:,} | {json.dumps(counts)}"
        print(f"| {step['job']} | {cells} |")
    print(f"| all steps | {sum(step['seconds'] for step in steps):.1f} | | | |")


if __name__ == "__main__":
    main()
