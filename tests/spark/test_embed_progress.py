"""Progress of a long action: lines while it runs, only when there is something new, never beyond everything."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from semid.frames import progress


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    handler, level = Lines(), progress.log.level
    progress.log.addHandler(handler)
    progress.log.setLevel(logging.INFO)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.05)
    yield handler.texts
    progress.log.removeHandler(handler)
    progress.log.setLevel(level)


def wait_for(lines: list[str], count: int) -> None:
    deadline = time.monotonic() + 10
    while len(lines) < count and time.monotonic() < deadline:
        time.sleep(0.01)


def test_lines_follow_the_count(spark: SparkSession, lines: list[str]) -> None:
    """The first line shows that it has begun; each further one shows a change; a task that ran twice adds no more."""
    with progress.progress(spark, "embed_items", 12101, "contents") as done:
        wait_for(lines, 1)
        time.sleep(0.2)
        done.add(1200)
        wait_for(lines, 2)
        done.add(20_000)
        wait_for(lines, 3)
    assert lines == [
        "embed_items: 0 of 12,101 contents (0 %)",
        "embed_items: 1,200 of 12,101 contents (9 %)",
        "embed_items: 12,101 of 12,101 contents (100 %)",
    ]


def test_the_reporter_ends_with_the_action(spark: SparkSession, lines: list[str]) -> None:
    """An action that fails leaves no thread behind and its own error untouched."""
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), progress.progress(spark, "x", 0, "rows"):
        raise ZeroDivisionError
    assert threading.active_count() == before
