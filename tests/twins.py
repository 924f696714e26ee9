"""Twins: two warehouses of the same nights, of which one is disturbed on its way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from semid.tables.store import Store
from tests import cold_spark
from tests.nights import SETTINGS

NIGHT1, NIGHT2, NIGHT3 = "2026-01-01", "2026-01-02", "2026-01-03"
ENVIRONMENT = os.environ | cold_spark.variables()


def flags(warehouse: Path, feed: str, day: str) -> list[str]:
    return ["nightly", "--warehouse", str(warehouse), "--catalog", feed, "--run-date", day, *SETTINGS]


def undisturbed(arguments: list[str]) -> None:
    done = started(arguments)
    printed = done.communicate()[1]
    assert done.returncode == 0, printed[-2000:]


def started(arguments: list[str], **environment: str) -> subprocess.Popen[str]:
    """Start `semid` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "semid.cli.main", *arguments],
        env=ENVIRONMENT | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


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
