"""Nightly runs on the small generated catalog, in the session of the tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from semid.cli.job import run_job
from semid.jobs import nightly
from semid.tables.store import Store
from tests import catalog

SETTINGS = ["--set", "codebook.sizes=[16,16,8]", "--set", "codebook.params={epochs: 5}", "--set", "codebook.capacity=1"]
NIGHT1, NIGHT2 = "2026-01-05", "2026-01-06"


@dataclass(frozen=True)
class Nights:
    """A warehouse after two nights.

    Attributes:
        store: The warehouse.
        warehouse: Its folder.
        feeds: The two feeds.
        exit_codes: What the two runs ended with.
        vectors: Rows of item_embedding after each night.
    """

    store: Store
    warehouse: Path
    feeds: tuple[str, str]
    exit_codes: tuple[int, int]
    vectors: tuple[int, int]


def semid_nightly(warehouse: Path, feed: str, day: str, *more: str) -> int:
    """Run one night and return its exit code."""
    flags = ["--warehouse", str(warehouse), "--catalog", feed, "--run-date", day, *SETTINGS, *more]
    return run_job(nightly.JOB, flags)


def shared_nights(spark: object, folder: Path) -> Nights:
    """Return the two nights of `folder`, run now when no other process has run them."""
    with FileLock(folder.with_suffix(".lock")):
        outcome = folder / "outcome.json"
        if not outcome.exists():
            folder.mkdir()
            outcome.write_text(json.dumps(run_two_nights(spark, folder)))
        codes, vectors = json.loads(outcome.read_text())
    feeds = (str(folder / "feed1.jsonl"), str(folder / "feed2.jsonl"))
    warehouse = folder / "warehouse"
    return Nights(Store(spark, str(warehouse)), warehouse, feeds, tuple(codes), tuple(vectors))


def run_two_nights(spark: object, folder: Path) -> tuple[list[int], list[int]]:
    """Run two nights with additions, edits, removals and bad rows; return exit codes and rows of item_embedding."""
    first = catalog.items()
    feeds = (
        catalog.write_jsonl(first, folder / "feed1.jsonl"),
        catalog.write_jsonl(catalog.second_night(first), folder / "feed2.jsonl"),
    )
    store = Store(spark, str(folder / "warehouse"))
    codes, vectors = [], []
    for feed, day in zip(feeds, (NIGHT1, NIGHT2), strict=True):
        codes.append(semid_nightly(folder / "warehouse", feed, day))
        vectors.append(store.read("item_embedding").count())
    return codes, vectors
