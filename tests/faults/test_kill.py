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
from tests.twins import ENVIRONMENT, NIGHT1, NIGHT2, NIGHT3, content, flags, undisturbed

KILL_AT = Path(__file__).with_name("kill_at.py")
pytestmark = pytest.mark.faults

STEPS = [
    ("after", f"semid.jobs.{step}:main")
    for step in ("ingest_catalog", "embed_items", "train_codebook", "assign_ids", "check_drift")
]
INSIDE_PUBLISH = [("before", "semid.tables.commit:changed_ids"), ("before", "semid.tables.commit:_announce")]


def killed(point: tuple[str, str], arguments: list[str]) -> None:
    command = [sys.executable, str(KILL_AT), *point, *arguments]
    done = subprocess.run(command, env=ENVIRONMENT, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]


def test_a_first_night_killed_eight_times_ends_as_an_undisturbed_one(spark: SparkSession, tmp_path: Path) -> None:
    """One warehouse is killed at eight points on its way through its first night, its twin never.

    Before its row in `run` it leaves no trace but empty tables.
    """
    feed = catalog.write_jsonl(catalog.items(120), tmp_path / "feed.jsonl")
    killed(("before", "semid.tables.runs:save"), flags(tmp_path / "killed", feed, NIGHT1))
    left = {**content(spark, tmp_path / "killed"), "run": Store(spark, str(tmp_path / "killed")).rows("run")}
    assert not any(left.values())
    for point in (*STEPS, *INSIDE_PUBLISH):
        killed(point, flags(tmp_path / "killed", feed, NIGHT1))
    for name in ("killed", "twin"):
        undisturbed(flags(tmp_path / name, feed, NIGHT1))
    assert content(spark, tmp_path / "killed") == content(spark, tmp_path / "twin")


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
