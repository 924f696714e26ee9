"""Ten missed nights made up for twice, once undisturbed and once killed on the way, and compared: docs/operations.md.

Usage: backfill.py ITEMS.PARQUET FOLDER [--items 5000] [--nights 10] [--seed 1] [--kill-in 5] [--set KEY=VALUE ...]
The feeds are those of replay.py: daily additions, edits, removals and returns, drawn from the seed. The first night is
run once and copied; both copies then miss the same nights. The one backfill is killed with SIGKILL, with its JVM, in the
middle of the night asked for, and the same command is run again. delta-rs reads what both have published: one hash per
table.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from deltalake import DeltaTable
from replay import FIRST, move, start

COLUMNS = {
    "semantic_id": [
        "codebook_version",
        "item_id",
        "semantic_id",
        "content_hash",
        "valid_from",
        "valid_to",
        "release_id",
    ],
    "semantic_id_change": ["release_id", "item_id", "old_semantic_id", "new_semantic_id", "reason"],
    "item_catalog": ["item_id", "content_hash", "is_active", "first_seen", "changed_on"],
    "release": ["release_id", "run_date", "kind", "status", "codebook_version", "counts", "verdict"],
}
"""What is published, without run ids and clocks."""

INTO_THE_NIGHT = 10
"""Seconds from a release to the kill; nights of 1,600 items took a minute each, two at a time on two shared cores."""


def write_feeds(items: Path, folder: Path, count: int, nights: int, seed: int) -> None:
    """Write `nights` + 1 dated feeds; the first one is the night that is not missed."""
    rng = np.random.default_rng(seed)
    table = pq.read_table(items)
    chosen = np.sort(rng.choice(len(table), min(len(table), count), replace=False))
    world = start(table.take(chosen), rng)
    folder.mkdir(parents=True, exist_ok=True)
    for night in range(nights + 1):
        if night:
            move(world, rng)
        pq.write_table(world.feed(), folder / f"{FIRST + timedelta(days=night)}.parquet")


def content_hash(warehouse: Path, table: str) -> str:
    """Return the hash of a table's published content: its sorted rows as delta-rs reads them."""
    rows = DeltaTable(warehouse / table).to_pyarrow_table(columns=COLUMNS[table]).to_pylist()
    lines = sorted(
        repr(sorted((k, str(sorted(v)) if isinstance(v, list) else str(v)) for k, v in r.items())) for r in rows
    )
    return f"{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:16]} of {len(lines):,} rows"


def semid(*words: str) -> list[str]:
    return [sys.executable, "-m", "semid.cli.main", *words]


def killed(command: list[str], warehouse: Path, night: int) -> None:
    """Run a backfill and kill it, with the JVM that it started, so many seconds after the release before `night`."""
    process = subprocess.Popen(command, start_new_session=True)
    while released(warehouse) < night and process.poll() is None:
        time.sleep(1)
    time.sleep(INTO_THE_NIGHT)
    os.killpg(process.pid, signal.SIGKILL)
    print(f"killed, exit code {process.wait()}, with {released(warehouse) - 1} missed nights released", flush=True)


def released(warehouse: Path) -> int:
    """Return how many releases a warehouse has."""
    return int(DeltaTable(warehouse / "release").to_pyarrow_table().num_rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("items", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=5000, dest="count")
    parser.add_argument("--nights", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kill-in", type=int, default=5, help="missed night, from 1, in which the backfill is killed")
    parser.add_argument("--set", action="append", default=[])
    flags = parser.parse_args()
    settings = [word for setting in flags.set for word in ("--set", setting)]
    feeds, first = flags.folder / "feeds", flags.folder / "first"
    write_feeds(flags.items, feeds, flags.count, flags.nights, flags.seed)
    night = ["--catalog", str(feeds / "{date}.parquet"), *settings]
    subprocess.run(semid("nightly", "--warehouse", str(first), "--run-date", str(FIRST), *night), check=True)
    ends = ["--start", str(FIRST + timedelta(days=1)), "--end", str(FIRST + timedelta(days=flags.nights))]
    commands = {}
    for name in ("twin", "killed"):
        shutil.copytree(first, flags.folder / name)
        commands[name] = semid("backfill", "--warehouse", str(flags.folder / name), *ends, *night)
    for name, command in commands.items():
        print(f"{name}:", flush=True)
        if name == "killed":
            killed(command, flags.folder / name, flags.kill_in)
        subprocess.run(command, check=True)
    hashes = [{table: content_hash(flags.folder / name, table) for table in COLUMNS} for name in commands]
    for table in COLUMNS:
        equal = "equal" if hashes[0][table] == hashes[1][table] else f"NOT EQUAL to {hashes[1][table]}"
        print(f"{table:<20}{hashes[0][table]}  {equal}")
    sys.exit(hashes[0] != hashes[1])


if __name__ == "__main__":
    main()
