"""How long a command takes until it works: prints rows of docs/benchmarks.md.

Usage: python -m tests.bench.startup WAREHOUSE CATALOG.parquet [--rounds 3]
`semid nightly` until Spark starts its first job (from the event log), on a new warehouse; `semid status` and `semid sql`
until they end, on WAREHOUSE. Each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.paired import header, median, paired, row
from tests.bench.where_time_went import with_event_log

SEMID = [sys.executable, "-m", "semid.cli.main"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("warehouse")
    parser.add_argument("catalog")
    parser.add_argument("--rounds", type=int, default=3)
    flags = parser.parse_args()
    at = ["--warehouse", flags.warehouse]
    arms = {
        "semid status": lambda: called("status", *at),
        "semid sql": lambda: called("sql", *at, "SELECT count(*) FROM semantic_id_current"),
    }
    seconds = paired(arms, flags.rounds)
    seconds["semid nightly, first job"] = [first_job(flags.catalog) for _ in range(flags.rounds)]
    header("command", "median (range)")
    for name, values in seconds.items():
        row(name, median(values))


def called(*arguments: str) -> None:
    subprocess.run([*SEMID, *arguments], check=True, stdout=subprocess.DEVNULL)


def first_job(catalog: str) -> float:
    """Return the seconds from the start of the process to the submission of Spark's first job."""
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events"
        events.mkdir()
        started = time.time()
        command = [*SEMID, "nightly", "--warehouse", f"{folder}/warehouse", "--catalog", catalog]
        command += ["--set", f"spark.properties={with_event_log(events)}"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while True:
                if (first := submitted(events)) is not None:
                    return first - started
                assert process.poll() is None, f"{command} ended with {process.returncode} before its first job"
                time.sleep(0.2)
        finally:
            process.terminate()
            process.wait()


def submitted(events: Path) -> float | None:
    """Return when the first job was submitted, in seconds since the epoch; None while there is none."""
    for log in events.glob("local-*"):
        for line in log.read_text().splitlines():
            if line.startswith('{"Event":"SparkListenerJobStart"') and line.endswith("}"):
                return float(json.loads(line)["Submission Time"]) / 1000
    return None


if __name__ == "__main__":
    main()
