"""What the benchmarks share: paired runs of several arms, vectors with a real catalog's spectrum, a session, memory."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import numpy as np
import psutil
import pyarrow.compute as pc
from deltalake import DeltaTable

from semid.cli.job import run_job, start_session
from semid.config import SparkConfig
from semid.jobs import nightly

Seconds = dict[str, list[float]]


def catalogs() -> Path:
    """Return the folder of the measuring catalogs: SEMID_CATALOGS, else ../shared/data beside the checkout."""
    return Path(os.environ.get("SEMID_CATALOGS", Path(__file__).parents[3] / "shared" / "data"))


def paired(arms: Mapping[str, Callable[[], object]], rounds: int) -> Seconds:
    """Return the seconds of every arm in every round.

    A round runs all arms; the next one in the opposite order, so that what warms up or slows down hits all of them.
    """
    seconds: Seconds = {name: [] for name in arms}
    for number in range(rounds):
        for name in list(arms) if number % 2 == 0 else reversed(arms):
            started = time.monotonic()
            arms[name]()
            seconds[name].append(time.monotonic() - started)
            print(f"    round {number + 1}, {name}: {seconds[name][-1]:.2f} s", file=sys.stderr, flush=True)
    return seconds


def ratio(seconds: Seconds, arm: str, base: str) -> float:
    """Return the median over rounds of the seconds of `arm` over those of `base`."""
    return statistics.median(a / b for a, b in zip(seconds[arm], seconds[base], strict=True))


def row(*cells: object) -> None:
    """Print a row of a Markdown table."""
    shown = (
        f"{cell:.4g}" if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else cell for cell in cells
    )
    print("|", " | ".join(str(cell) for cell in shown), "|", flush=True)


def header(*cells: str) -> None:
    """Print the head of a Markdown table."""
    row(*cells)
    row(*["---"] * len(cells))


def median(values: Sequence[float]) -> str:
    """Return the median and the range of some seconds as a cell."""
    return f"{statistics.median(values):.2f} s ({min(values):.2f}-{max(values):.2f})"


def stored_vectors(warehouse: str, model: str | None = None) -> np.ndarray:
    """Return the vectors (n, d) of a warehouse's only model, or of `model`, in the order of their content hashes."""
    table = DeltaTable(f"{warehouse}/item_embedding").to_pyarrow_table(columns=["content_hash", "model", "embedding"])
    if model is not None:
        table = table.filter(pc.field("model") == model)
    column = table.sort_by("content_hash").column("embedding").combine_chunks()
    return column.flatten().to_numpy().astype(np.float32).reshape(len(column), -1)


class Spectrum:
    """Mean and principal directions of real vectors; vectors drawn from it have the catalog's spectrum, not its items.

    Args:
        real: Vectors (n, d).
    """

    def __init__(self, real: np.ndarray) -> None:
        self.mean = real.mean(axis=0, dtype=np.float64)
        centred = real - self.mean
        variance, self.axes = np.linalg.eigh(centred.T @ centred / len(real))
        self.deviation = np.sqrt(np.maximum(variance, 0))

    def draw(self, rows: int, seed: int) -> np.ndarray:
        """Return unit vectors (rows, d): Gaussian along the principal directions."""
        rng = np.random.default_rng(seed)
        x = (rng.standard_normal((rows, len(self.mean)), dtype=np.float32) * self.deviation) @ self.axes.T + self.mean
        return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def session(properties: str | None = None):
    """Return the Spark session that a local job has."""
    spark = start_session(SparkConfig(properties=properties))
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def run_night(warehouse: Path, feed: Path, day: str, *settings: str) -> dict[str, float]:
    """Run a night in the session that is up; return its seconds by step, `all` for the whole command.

    Raises:
        RuntimeError: The night did not end with 0.
    """
    words = [word for setting in settings for word in ("--set", setting)]
    started = time.monotonic()
    code = run_job(nightly.JOB, ["--warehouse", str(warehouse), "--catalog", str(feed), "--run-date", day, *words])
    whole = time.monotonic() - started
    if code:
        raise RuntimeError(f"the night of {day} ended with {code}")
    return steps_of(warehouse, day) | {"all": whole}


def steps_of(warehouse: Path, day: str) -> dict[str, float]:
    """Return the seconds of the newest night of a day by step, from its own metrics."""
    entries = [json.loads(line) for line in (warehouse / "_metrics" / "runs.jsonl").read_text().splitlines()]
    entry = next(entry for entry in reversed(entries) if entry["run_date"].startswith(day))
    return {step["job"]: step["seconds"] for step in entry["steps"]}


@contextmanager
def peak_memory(seen: dict[str, float]) -> Iterator[None]:
    """Note the peak resident MiB of this process (`driver`), of its Java (`jvm`) and of the largest worker."""
    done, root = Event(), psutil.Process()

    def watch() -> None:
        while not done.wait(0.5):
            for process in [root, *root.children(recursive=True)]:
                _note(process, root, seen)

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _note(process: psutil.Process, root: psutil.Process, seen: dict[str, float]) -> None:
    try:
        role = "driver" if process == root else "jvm" if "java" in process.name() else "worker"
        seen[role] = max(seen.get(role, 0.0), process.memory_info().rss / 2**20)
    except psutil.Error:  # it has ended
        return
