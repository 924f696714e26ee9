"""Where a night's time goes: its steps from table `run`, Spark's part of each from the event log, as a table and a plot.

Usage: python -m tests.bench.where_time_went WAREHOUSE EVENT_LOG DAY [--plot FILE.svg]
Per step: seconds; Spark jobs and tasks; seconds with a Spark job running, and without one (planning, commits, Python on the
driver); processor seconds of the tasks' Java; seconds its collector stopped them; MiB shuffled. What Python workers compute is
within the tasks' seconds, not in Java's processor time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deltalake import DeltaTable

from semid.config import packaged
from semid.report.charts import Heading, Series, stacked_bars
from semid.report.scale import linear
from tests.bench.paired import header, row

PARTS = ("Spark jobs", "between them")
COLOURS = ("#4063d8", "#d0a040")


@dataclass
class Step:
    """A step of a night: when it was (seconds since the epoch), and what Spark did in it."""

    name: str
    started: float
    ended: float
    jobs: list[tuple[float, float]] = field(default_factory=list)
    tasks: int = 0
    task_seconds: float = 0.0
    cpu: float = 0.0
    collected: float = 0.0
    shuffled: float = 0.0

    @property
    def seconds(self) -> float:
        return self.ended - self.started

    @property
    def busy(self) -> float:
        """Seconds with at least one job."""
        total, until = 0.0, self.started
        for start, end in sorted(self.jobs):
            total += max(0.0, min(end, self.ended) - max(start, until))
            until = max(until, end)
        return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("warehouse")
    parser.add_argument("events", type=Path)
    parser.add_argument("day")
    parser.add_argument("--plot", type=Path)
    flags = parser.parse_args()
    steps = profiled(flags.warehouse, flags.events, flags.day)
    report(steps)
    if flags.plot:
        flags.plot.write_text(plot(steps, flags.day))


def with_event_log(folder: Path) -> str:
    """Return a properties file of a local session that writes its event log into `folder`."""
    lines = [
        "spark.eventLog.enabled true",
        f"spark.eventLog.dir {folder.absolute().as_uri()}",
        "spark.eventLog.rolling.enabled false",
        "spark.eventLog.compress false",
    ]
    file = folder / "spark.conf"
    file.write_text("\n".join([packaged("spark/local.conf").read_text(), *lines, ""]))
    return str(file)


def profiled(warehouse: str, events: Path, day: str) -> list[Step]:
    """Return the steps of the night of a day with what the event log says of each."""
    rows = (
        DeltaTable(f"{warehouse}/run")
        .to_pyarrow_table(columns=["run_id", "job", "run_date", "started_at", "ended_at"])
        .to_pylist()
    )
    mine = [r for r in rows if str(r["run_date"]) == day and "/" in r["run_id"] and r["ended_at"]]
    steps = [Step(r["job"], r["started_at"].timestamp(), r["ended_at"].timestamp()) for r in mine]
    with events.open() as lines:
        whole = (json.loads(line) for line in lines if line.endswith("}\n"))  # a session that is up is still writing
        attribute(steps, whole)
    return sorted(steps, key=lambda step: step.started)


def attribute(steps: Sequence[Step], events: Iterable[Mapping[str, object]]) -> None:
    """Add jobs and tasks to the steps in which they were started."""
    begun: dict[int, float] = {}
    for event in events:
        match event["Event"]:
            case "SparkListenerJobStart":
                begun[event["Job ID"]] = event["Submission Time"] / 1000
            case "SparkListenerJobEnd":
                start = begun.pop(event["Job ID"])
                for step in at(steps, start):
                    step.jobs.append((start, event["Completion Time"] / 1000))
            case "SparkListenerTaskEnd" if event.get("Task Metrics"):
                info, used = event["Task Info"], event["Task Metrics"]
                for step in at(steps, info["Launch Time"] / 1000):
                    step.tasks += 1
                    step.task_seconds += used["Executor Run Time"] / 1e3
                    step.cpu += used["Executor CPU Time"] / 1e9
                    step.collected += used["JVM GC Time"] / 1e3
                    step.shuffled += used["Shuffle Write Metrics"]["Shuffle Bytes Written"] / 2**20


def at(steps: Sequence[Step], when: float) -> list[Step]:
    return [step for step in steps if step.started <= when < step.ended]


def report(steps: Sequence[Step]) -> None:
    header(
        "step", "seconds", "jobs", "tasks", "with a job", "between", "task seconds", "Java CPU", "GC", "shuffled MiB"
    )
    for step in steps:
        rest = (step.busy, step.seconds - step.busy, step.task_seconds, step.cpu, step.collected, step.shuffled)
        row(step.name, f"{step.seconds:.1f}", len(step.jobs), step.tasks, *(f"{value:.1f}" for value in rest))


def plot(steps: Sequence[Step], title: str) -> str:
    """Return stacked bars of the steps as an SVG file of its own."""
    parts = ([step.busy for step in steps], [step.seconds - step.busy for step in steps])
    series = [Series(name, tuple(values)) for name, values in zip(PARTS, parts, strict=True)]
    heading = Heading("night", f"Seconds per step, {title}", "With a Spark job running, and between jobs")
    labels = [step.name.partition("_")[0] for step in steps]
    drawn = str(stacked_bars(heading, labels, series, linear(0, max(step.seconds for step in steps))))
    style = ".grid{stroke:#ccc}text{font:11px sans-serif}" + "".join(
        f".s{number}{{fill:{colour}}}" for number, colour in enumerate(COLOURS, 1)
    )
    return drawn.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1).replace(
        ">", f"><style>{style}</style>", 1
    )


if __name__ == "__main__":
    main()
