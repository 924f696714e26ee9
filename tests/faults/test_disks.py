"""A disk that is full or cannot be written: one message, exit 7, and the night is there once there is room."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from semid.cli import verify
from tests.twins import NIGHT2, content, flags, started, undisturbed

pytestmark = pytest.mark.faults


@pytest.fixture
def disk(nights: Path, tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own in memory, with a copy of the warehouse before the second night."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(mounted)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
    try:
        shutil.copytree(nights / "first", mounted / "warehouse")
        yield mounted
    finally:
        subprocess.run(["umount", "--lazy", str(mounted)], check=True)


def remount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


def refused(command: list[str], **environment: str) -> str:
    process = started(command, **environment)
    said = process.communicate()[1]
    assert process.returncode == 7, said
    return said


@pytest.mark.parametrize("room", [64, 512])
def test_a_full_disk(spark: SparkSession, nights: Path, disk: Path, room: int) -> None:
    """With some KiB left the night stops in its first or a later step; what is stored stays sound."""
    command = flags(disk / "warehouse", str(nights / "feed.jsonl"), NIGHT2)
    remount(disk, f"size={shutil.disk_usage(disk).used // 1024 + room}k")
    said = refused(command)
    assert "the disk is full" in said
    assert "state: nothing was published; current release is 1" in said
    assert verify.main(["--warehouse", str(disk / "warehouse")]) == 0
    remount(disk, "size=64m")
    undisturbed(command)
    assert content(spark, disk / "warehouse") == content(spark, nights / "twin")


def test_a_warehouse_that_cannot_be_written(spark: SparkSession, nights: Path, disk: Path) -> None:
    """Refused before Spark starts; readers still read."""
    command = flags(disk / "warehouse", str(nights / "feed.jsonl"), NIGHT2)
    remount(disk, "ro")
    said = refused(command)
    assert "the warehouse cannot be written" in said
    assert "starting Spark" not in said
    assert verify.main(["--warehouse", str(disk / "warehouse")]) == 0
    remount(disk, "rw")
    undisturbed(command)
    assert content(spark, disk / "warehouse") == content(spark, nights / "twin")


def test_a_full_disk_of_spill_files(spark: SparkSession, nights: Path, disk: Path, tmp_path: Path) -> None:
    """Spark's own folder on a full disk: exit 7 that names the setting; nothing was published."""
    shutil.copytree(nights / "first", tmp_path / "warehouse")
    command = flags(tmp_path / "warehouse", str(nights / "feed.jsonl"), NIGHT2)
    (disk / "spill").mkdir()
    remount(disk, f"size={shutil.disk_usage(disk).used // 1024 + 64}k")
    said = refused(command, SPARK_LOCAL_DIRS=str(disk / "spill"))
    assert "spark.local.dir" in said
    assert "state: " in said  # to say more, Spark would have to read a table, which this disk may prevent
    undisturbed(command)
    assert content(spark, tmp_path / "warehouse") == content(spark, nights / "twin")
