"""kill -9 at every step boundary and inside publish: the run that follows gives what an undisturbed one gives."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from semid.tables.store import Store
from tests import catalog

KILL_AT = Path(__file__).with_name("kill_at.py")
pytestmark = pytest.mark.faults

NIGHT1, NIGHT2 = "2026-01-01", "2026-01-02"
POINTS = [
    ("after", "semid.jobs.ingest_catalog:main"),
    ("after", "semid.jobs.embed_items:main"),
    ("after", "semid.jobs.train_codebook:main"),
    ("after", "semid.jobs.assign_ids:main"),
    ("after", "semid.jobs.check_drift:main"),
    ("before", "semid.tables.commit:changed_ids"),
    ("before", "semid.tables.commit:_announce"),
    ("after", "semid.jobs.publish_ids:main"),
]


def flags(warehouse: Path, feed: str, day: str) -> list[str]:
    settings = ["--set", "codebook.sizes=[16,16,8]", "--set", "codebook.params={epochs: 5}"]
    return ["nightly", "--warehouse", str(warehouse), "--catalog", feed, "--run-date", day, *settings]


def undisturbed(arguments: list[str]) -> None:
    subprocess.run([sys.executable, "-m", "semid.cli.main", *arguments], check=True, capture_output=True)


def killed(point: tuple[str, str], arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, str(KILL_AT), *point, *arguments], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]


def content(spark: SparkSession, warehouse: Path) -> dict[str, list[tuple[object, ...]]]:
    """What was published and what it was made from, without run ids and clocks."""
    columns = {
        "item_catalog": ["item_id", "text", "content_hash", "is_active", "first_seen", "changed_on"],
        "item_quarantine": ["source_row", "item_id", "reasons"],
        "item_embedding": ["content_hash", "model", "embedding"],
        "codebook": ["codebook_version", "artifact_sha256"],
        "semantic_id": [
            "item_id",
            "semantic_id",
            "codes",
            "content_hash",
            "valid_from",
            "valid_to",
            "release_id",
        ],
        "semantic_id_change": ["release_id", "item_id", "old_semantic_id", "new_semantic_id", "reason"],
        "release": ["release_id", "run_date", "kind", "status", "codebook_version", "counts", "verdict"],
        "drift_report": ["cohort", "metric", "level", "value", "status"],
    }
    store = Store(spark, str(warehouse))
    return {
        name: sorted(map(tuple, store.read(name).select(*selected).collect()), key=str)
        for name, selected in columns.items()
    }


def test_killed_nights_end_as_undisturbed_ones(spark: SparkSession, tmp_path: Path) -> None:
    """One warehouse is killed at eight points on its way through the first night, its twin never."""
    first = catalog.items(120)
    feed = catalog.write_jsonl(first, tmp_path / "feed1.jsonl")
    for point in POINTS:
        killed(point, flags(tmp_path / "killed", feed, NIGHT1))
    for name in ("killed", "twin"):
        undisturbed(flags(tmp_path / name, feed, NIGHT1))
    assert content(spark, tmp_path / "killed") == content(spark, tmp_path / "twin")


@pytest.mark.parametrize("point", POINTS[5:7])
def test_a_second_night_killed_inside_publish(spark: SparkSession, tmp_path: Path, point: tuple[str, str]) -> None:
    """Killed between the commits of publish with edits, removals and returns in flight."""
    first = catalog.items(120)
    feeds = [
        catalog.write_jsonl(first, tmp_path / "feed1.jsonl"),
        catalog.write_jsonl(catalog.second_night(first), tmp_path / "feed2.jsonl"),
    ]
    for name in ("killed", "twin"):
        undisturbed(flags(tmp_path / name, feeds[0], NIGHT1))
    killed(point, flags(tmp_path / "killed", feeds[1], NIGHT2))
    for name in ("killed", "twin"):
        undisturbed(flags(tmp_path / name, feeds[1], NIGHT2))
    assert content(spark, tmp_path / "killed") == content(spark, tmp_path / "twin")
