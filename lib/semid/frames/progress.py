"""How far a long action is, as log lines while it runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark import Accumulator
from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def progress(spark: SparkSession, step: str, total: int, unit: str) -> Iterator[Accumulator[int]]:
    """Log `step: 1,200 of 12,101 contents (10 %)` while the actions inside run, at most every five seconds.

    The accumulator that comes out is raised in the workers by the rows they are done with; Spark adds it up
    as tasks end. Spark's own task counters cannot tell the long stage from the scans before it.
    """
    done = spark.sparkContext.accumulator(0)
    stop = threading.Event()
    reporter = threading.Thread(target=_report, args=(done, (step, total, unit), stop), daemon=True)
    reporter.start()
    try:
        yield done
    finally:
        stop.set()
        reporter.join()


def line(step: str, done: int, total: int, unit: str) -> str:
    """Return the line.

    A task that Spark runs twice counts twice; more than everything is never done.

    >>> line("embed_items", 1200, 12101, "contents")
    'embed_items: 1,200 of 12,101 contents (9 %)'
    """
    done = min(done, total)
    return f"{step}: {done:,} of {total:,} {unit} ({100 * done // max(total, 1)} %)"


def _report(done: Accumulator[int], what: tuple[str, int, str], stop: threading.Event) -> None:
    step, total, unit = what
    said = -1
    while not stop.wait(SECONDS_BETWEEN_LINES):
        if done.value != said:
            said = done.value
            log.info("%s", line(step, said, total, unit))
