"""check_drift as a job: what blocks, what is reported, and what stays untouched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import Row, SparkSession

from semid.cli.job import run_job
from semid.frames import audit
from semid.jobs import check_drift
from semid.measure.drift import LevelCounts, Profile
from semid.quantize.codebook import sha256, to_bytes
from semid.quantize.rkmeans import RkmeansCodebook
from semid.tables import runs
from semid.tables.store import Store
from tests import staged as tiny

METRICS = {"used_codes": [4, 4], "perplexity": [3.5, 3.6], "error_heldout": 0.3, "error_train": 0.28}
METRICS |= {"mean_vector": [0.5, 0.5], "mean_norm": 1.0, "variance": 0.5}
CROSS = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], np.float32)
ARTIFACT = to_bytes(RkmeansCodebook((10 * CROSS, CROSS)))
CODEBOOK = {
    "codebook_version": 1, "kind": "rkmeans", "levels": 2, "codebook_sizes": list(tiny.SIZES), "model": "m#1",
    "artifact": bytearray(ARTIFACT), "artifact_sha256": sha256(ARTIFACT), "fingerprint": "", "params": "{}", "metrics": json.dumps(METRICS),
    "seed": 1, "trained_on": "{}", "run_id": "r", "created_at": datetime(2026, 1, 1, tzinfo=UTC),
}  # fmt: skip
RELEASE = {
    "release_id": 1, "run_id": "r0", "run_date": tiny.DAY, "kind": "bootstrap", "status": "published",
    "codebook_version": 1, "serving_versions": [1], "table_versions": {}, "counts": {}, "verdict": "pass",
    "created_at": datetime(2026, 1, 1, tzinfo=UTC),
}  # fmt: skip


def vectors() -> list[dict[str, Any]]:
    """A vector for each content, which the codebook gives the codes that the tables have."""
    codes = {row["content_hash"]: row["codes"] for row in [*tiny.CURRENT, *tiny.STAGED]}
    return [
        {
            "content_hash": content, "model": "m#1", "dim": 2, "embedding": (10 * CROSS[a] + CROSS[b]).tolist(),
            "run_id": "r", "embedded_at": datetime(2026, 1, 1, tzinfo=UTC),
        }
        for content, (a, b) in codes.items()
    ]  # fmt: skip


@pytest.fixture(scope="module")
def second_night(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with one release, and the sound staged rows of run `r`."""
    store = Store(spark, str(tmp_path_factory.mktemp("gate") / "warehouse"))
    store.create_tables()
    store.append_rows([CODEBOOK], "codebook")
    store.append_rows([RELEASE], "release")
    store.append_rows(tiny.CURRENT, "semantic_id")
    store.append_rows(tiny.CATALOG, "item_catalog")
    store.append_rows(tiny.STAGED, "semantic_id_staged")
    store.append_rows(vectors(), "item_embedding")
    done = {"status": "done", "ended_at": datetime.now(UTC)}
    store.append_rows([runs.opening("r", "assign_ids", tiny.DAY) | done], "run")
    return Path(store.warehouse)


@pytest.fixture
def warehouse(second_night: Path, tmp_path: Path, spark: SparkSession) -> Store:
    """A copy of that warehouse to work on."""
    return Store(spark, str(shutil.copytree(second_night, tmp_path / "warehouse")))


def check(store: Store, *flags: str) -> int:
    return run_job(check_drift.JOB, ["--warehouse", store.warehouse, "--run-date", "2026-01-02", *flags])


def report(store: Store, run_id: str = "r") -> list[Row]:
    return store.read("drift_report").where(f"run_id = '{run_id}'").orderBy("cohort", "metric", "level").collect()


def published(store: Store) -> tuple[int, int]:
    return store.version("semantic_id"), store.version("semantic_id_change")


def test_a_sound_run_passes_and_is_reported_once(warehouse: Store) -> None:
    """The newest staged run is checked; checking it again replaces its rows and leaves the same ones.

    The check again is dated behind a run of a time that the clock has not reached.
    """
    assert check(warehouse) == 0
    first = report(warehouse)
    ahead = datetime(2100, 1, 1, tzinfo=UTC)
    warehouse.append_rows([runs.opening("ahead", "maintain_tables", tiny.DAY) | {"started_at": ahead}], "run")
    assert {row.status for row in first} == {"pass", "info"}
    assert {row.cohort for row in first} == {"arrivals", "contract", "history", "table"}
    assert check(warehouse, "--staged-run", "r", "--run-id", "again") == 0
    assert report(warehouse) == first
    assert len({(row.cohort, row.metric, row.level) for row in first}) == len(first)
    again = runs.find(warehouse, "again")
    assert again is not None
    assert again["started_at"].astimezone(UTC) > ahead
    assert json.loads(again["metrics"]) == {"verdict": "pass", "reasons": []}


def test_a_broken_run_is_blocked_and_nothing_is_published(warehouse: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 4; the report has the rows, the message names metric, value, threshold and next step."""
    churned = tiny.staged_row("a", [3, 3], "c-ab")
    shared = tiny.staged_row("g", [0, 1], index=1)
    warehouse.append_rows([churned, shared], "semantic_id_staged")
    before = published(warehouse)
    assert check(warehouse) == 4
    message = capsys.readouterr().err
    blocked = {row.metric: row for row in report(warehouse) if row.status == "block"}
    rules = {"churn_unchanged_content", "id_unique", "id_given_once", "inactive_item_has_none", "row_count"}
    assert set(blocked) == {*rules, "contents_without_vector"}
    assert all(f"{name} = 1, blocks at 1" in message for name in rules)
    assert "next:" in message
    assert "current release is 1" in message
    assert published(warehouse) == before
    seen = json.loads((Path(warehouse.warehouse) / "_metrics" / "runs.jsonl").read_text())
    assert (seen["job"], seen["status"], seen["exit_code"]) == ("check_drift", "blocked", 4)
    assert list(Path(warehouse.warehouse).glob("_data_docs/html/validations/*/r/*/*.html"))


def test_data_docs_decide_nothing(warehouse: Store, tmp_path: Path) -> None:
    """Where they cannot be written, or are not wanted, the verdict is the same and the report is complete."""
    (tmp_path / "file").touch()
    assert check(warehouse, "--set", f"observe.data_docs={tmp_path / 'file'}") == 0
    complete = report(warehouse)
    assert check(warehouse, "--set", "observe.data_docs=null", "--run-id", "again") == 0
    assert report(warehouse) == complete
    assert not (Path(warehouse.warehouse) / "_data_docs").exists()


def test_a_night_without_changes_passes(warehouse: Store) -> None:
    """With nothing staged the contracts of the published state still run, against the active codebook."""
    rows = [tiny.catalog_row(row["item_id"], row["content_hash"]) for row in tiny.CURRENT]
    warehouse.replace_where(warehouse.frame(rows, "item_catalog"), "item_catalog", "true")
    warehouse.append_rows([runs.opening("quiet", "nightly", tiny.DAY)], "run")
    assert check(warehouse, "--staged-run", "quiet") == 0
    found = {(row.cohort, row.metric): row.value for row in report(warehouse, "quiet")}
    assert found["contract", "active_item_has_id"] == found["arrivals", "contents"] == 0
    assert ("arrivals", "quantization_error_ratio") not in found


def test_several_codebook_versions_are_checked_each(warehouse: Store) -> None:
    """Rows of two versions give two sets of checks that do not overwrite each other; one bad version blocks."""
    warehouse.append_rows([CODEBOOK | {"codebook_version": 2}], "codebook")
    warehouse.append_rows([tiny.staged_row("c", [2, 3], codebook_version=2)], "semantic_id_staged")
    assert check(warehouse) == 4
    rows = report(warehouse)
    assert {row.cohort for row in rows if row.status == "block"} == {"contract@v2", "promotion@v2", "table@v2"}
    assert {row.value for row in rows if (row.cohort, row.metric) == ("contract@v2", "active_item_has_id")} == {4}
    assert len({(row.cohort, row.metric, row.level) for row in rows}) == len(rows)


def broken(*_: Any) -> Any:
    raise RuntimeError("counting failed")


def test_a_gate_that_breaks_blocks(warehouse: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the checks themselves raise, the release stops with exit 4 and a row that says why."""
    monkeypatch.setattr(audit, "profile", broken)
    assert check(warehouse) == 4
    (row,) = [row for row in report(warehouse) if row.status == "block"]
    assert (row.value, row.metric) == (None, "evidence")
    assert "counting failed" in row.note


def unknown_version(store: Store) -> None:
    store.append_rows([tiny.staged_row("c", [2, 3], codebook_version=9)], "semantic_id_staged")


def altered_codebook(store: Store) -> None:
    altered = bytearray(ARTIFACT)
    altered[-1] ^= 1
    shutil.rmtree(store.path("codebook"))
    store.create_tables()
    store.append_rows([CODEBOOK | {"artifact": altered}], "codebook")


@pytest.mark.parametrize(
    ("damage", "flags", "exit_code", "says"),
    [
        (altered_codebook, [], 6, "the codebook's bytes are not those that were written"),
        (None, ["--staged-run", "nobody"], 2, "no such run"),
        (unknown_version, [], 6, "version 9"),
    ],
)
def test_what_cannot_be_checked_is_refused(
    warehouse: Store,
    damage: Callable[[Store], None] | None,
    flags: list[str],
    exit_code: int,
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An unknown run, an unknown codebook and one whose bytes were altered have their own exit codes."""
    if damage:
        damage(warehouse)
    assert check(warehouse, *flags) == exit_code
    assert says in capsys.readouterr().err
    assert report(warehouse) == []


def test_thresholds_of_the_configuration_are_used(
    warehouse: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stricter error ratio in the operator's file, and no minimum of rows, turns a pass into a warning."""
    zeros = np.zeros(4, dtype=np.int64)
    levels = [LevelCounts(level, zeros + 1, zeros + 1, zeros) for level in (1, 2)]
    facts = dict.fromkeys(tiny.BROKEN_FACTS, 0.0) | {
        "current_items": 0, "active_items": 4, "kept_items": 0, "removed_items": 0, "items": 4, "contents": 4,
        "distinct_codes": 4, "largest_bucket_items": 1, "largest_bucket_contents": 1,
        "arrival_contents": 4, "arrival_error": 0.34,
    }  # fmt: skip
    monkeypatch.setattr(audit, "profile", lambda *_: Profile(facts, levels))
    monkeypatch.setattr(audit, "judge", lambda *_: [])
    file = tmp_path / "mine.yaml"
    file.write_text("quantization_error_ratio: {warn: 1.1, min_rows: 1}\n")
    assert check(warehouse, "--set", f"gate.thresholds={file}") == 0
    (row,) = [row for row in report(warehouse) if row.metric == "quantization_error_ratio"]
    assert (row.status, row.threshold_warn, row.reference) == ("warn", 1.1, 0.3)
    assert row.value == pytest.approx(0.34 / 0.3)


def test_a_codebook_that_gives_published_contents_other_codes_blocks(warehouse: Store) -> None:
    """Rows of the first level swapped, with a right checksum: no statistic moves, but published codes come out else."""
    swapped = to_bytes(RkmeansCodebook((10 * CROSS[[1, 0, 2, 3]], CROSS)))
    row = warehouse.frame([CODEBOOK | {"artifact": bytearray(swapped), "artifact_sha256": sha256(swapped)}], "codebook")
    row.write.format("delta").mode("overwrite").save(f"{warehouse.warehouse}/other")
    shutil.rmtree(f"{warehouse.warehouse}/codebook")
    shutil.move(f"{warehouse.warehouse}/other", f"{warehouse.warehouse}/codebook")
    assert check(warehouse) == 4
    (found,) = [row for row in report(warehouse) if row.status == "block"]
    assert (found.metric, found.value, found.reference) == ("unreproduced_codes", 1, 3)
