"""kill -9 at every step boundary and inside publish: the run that follows gives what an undisturbed one gives."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from semid.tables.store import Store
from tests import catalog
from tests.nights import SETTINGS

KILL_AT = Path(__file__).with_name("kill_at.py")
pytestmark = pytest.mark.faults

NIGHT1, NIGHT2, NIGHT3 = "2026-01-01", "2026-01-02", "2026-01-03"
STEPS = [
    ("after", f"semid.jobs.{step}:main")
    for step in ("ingest_catalog", "embed_items", "train_codebook", "assign_ids", "check_drift")
]
INSIDE_PUBLISH = [("before", "semid.tables.commit:changed_ids"), ("before", "semid.tables.commit:_announce")]


def flags(warehouse: Path, feed: str, day: str) -> list[str]:
    return ["nightly", "--warehouse", str(warehouse), "--catalog", feed, "--run-date", day, *SETTINGS]


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


def test_a_first_night_killed_seven_times_ends_as_an_undisturbed_one(spark: SparkSession, tmp_path: Path) -> None:
    """One warehouse is killed at seven points on its way through its first night, its twin never."""
    feed = catalog.write_jsonl(catalog.items(120), tmp_path / "feed.jsonl")
    for point in (*STEPS, *INSIDE_PUBLISH):
        killed(point, flags(tmp_path / "killed", feed, NIGHT1))
    for name in ("killed", "twin"):
        undisturbed(flags(tmp_path / name, feed, NIGHT1))
    assert content(spark, tmp_path / "killed") == content(spark, tmp_path / "twin")


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the feed of a second night and two warehouses: `first` before that night, `twin` after it."""
    folder, first = tmp_path_factory.mktemp("nights"), catalog.items(120)
    feed = catalog.write_jsonl(catalog.second_night(first), folder / "feed.jsonl")
    undisturbed(flags(folder / "first", catalog.write_jsonl(first, folder / "feed1.jsonl"), NIGHT1))
    shutil.copytree(folder / "first", folder / "twin")
    undisturbed(flags(folder / "twin", feed, NIGHT2))
    return folder


@pytest.mark.parametrize("point", [*INSIDE_PUBLISH, ("after", "semid.jobs.publish_ids:main")])
def test_a_second_night_killed_around_publish(
    spark: SparkSession, nights: Path, tmp_path: Path, point: tuple[str, str]
) -> None:
    """Killed between or after the commits of publish with edits, removals and returns in flight."""
    shutil.copytree(nights / "first", tmp_path / "killed")
    arguments = flags(tmp_path / "killed", str(nights / "feed.jsonl"), NIGHT2)
    killed(point, arguments)
    undisturbed(arguments)
    assert content(spark, tmp_path / "killed") == content(spark, nights / "twin")


def test_a_killed_retrain_ends_as_an_undisturbed_one(spark: SparkSession, nights: Path, tmp_path: Path) -> None:
    """Killed after training the successor and inside publish: trained once, released once."""
    commands = {}
    for name in ("killed", "twin"):
        shutil.copytree(nights / "first", tmp_path / name)
        commands[name] = ["retrain", "--warehouse", str(tmp_path / name), "--run-date", NIGHT2, "--shadow", *SETTINGS]
    for point in (("after", "semid.jobs.train_successor:main"), INSIDE_PUBLISH[0]):
        killed(point, commands["killed"])
    for command in commands.values():
        undisturbed(command)
    assert content(spark, tmp_path / "killed") == content(spark, tmp_path / "twin")


def test_a_killed_backfill_ends_as_an_undisturbed_one(spark: SparkSession, nights: Path, tmp_path: Path) -> None:
    """Killed inside the first night's publish, then right after it was published: two dates, released once each."""
    shutil.copyfile(nights / "feed.jsonl", tmp_path / f"{NIGHT2}.jsonl")
    catalog.write_jsonl(catalog.second_night(catalog.items(120))[:-12], tmp_path / f"{NIGHT3}.jsonl")
    commands = {}
    for name in ("killed", "twin"):
        shutil.copytree(nights / "first", tmp_path / name)
        where = ["--warehouse", str(tmp_path / name), "--catalog", str(tmp_path / "{date}.jsonl")]
        commands[name] = ["backfill", *where, "--start", NIGHT2, "--end", NIGHT3, *SETTINGS]
    for point in (INSIDE_PUBLISH[1], ("after", "semid.jobs.publish_ids:main")):
        killed(point, commands["killed"])
    for command in commands.values():
        undisturbed(command)
    assert content(spark, tmp_path / "killed") == content(spark, tmp_path / "twin")
    rows = Store(spark, str(tmp_path / "killed")).read("run").where("job IN ('nightly', 'backfill')").collect()
    assert {row.status for row in rows} == {"done"}
