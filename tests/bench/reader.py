"""Look at a warehouse through DuckDB again and again while a night runs: docs/operations.md.

Usage: reader.py WAREHOUSE FEED RUN_DATE [--pause 0.2] [--set KEY=VALUE ...]
Runs `semid nightly` as a process of its own. Every look opens the tables anew and reads five of them whole; a line is
printed for each state that was seen. Exits with 1 when a look saw anything but the state before or the one after.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.jobs.test_reader_beside_a_night import STATE, state

LINE = "{:>6}  {:<8}  {:<8}  {:<16}  {}"


def main() -> int:
    """Run the night and look; return 0 when every look saw one release, whole."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warehouse", type=Path)
    parser.add_argument("feed")
    parser.add_argument("run_date")
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between two looks")
    parser.add_argument("--set", action="append", default=[])
    flags = parser.parse_args()
    settings = [word for setting in flags.set for word in ("--set", setting)]
    night = ["nightly", "--warehouse", str(flags.warehouse), "--catalog", flags.feed, "--run-date", flags.run_date]
    before = state(flags.warehouse)
    looks: list[tuple[str, tuple[tuple[object, ...], ...]]] = []
    process = subprocess.Popen([sys.executable, "-m", "semid.cli.main", *night, *settings])
    while process.poll() is None:
        looks.append((f"{datetime.now():%H:%M:%S}", state(flags.warehouse)))
        time.sleep(flags.pause)
    after = state(flags.warehouse)
    show(looks)
    return int(process.returncode != 0 or not {seen for _, seen in looks} <= {before, after})


def show(looks: list[tuple[str, tuple[tuple[object, ...], ...]]]) -> None:
    """Print how many looks in a row saw the same, from when to when, a hash of it, and its rows."""
    print(LINE.format("looks", "from", "to", "seen", "rows of " + ", ".join(STATE)))
    start = 0
    for end in range(1, len(looks) + 1):
        if end == len(looks) or looks[end][1] != looks[start][1]:
            seen = looks[start][1]
            rows = ", ".join(f"{len(part):,}" for part in seen)
            content = hashlib.sha256(repr(seen).encode()).hexdigest()[:16]
            print(LINE.format(end - start, looks[start][0], looks[end - 1][0], content, rows))
            start = end


if __name__ == "__main__":
    sys.exit(main())
