"""`semid status`: the page, the same facts for monitors, and a warehouse without a release."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from jsonschema import Draft202012Validator

from semid.cli import status
from tests import warehouse

pytestmark = pytest.mark.spark
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "status.schema.json").read_text())


@pytest.fixture(scope="module")
def folder(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse with a history; only read."""
    return Path(warehouse.shared(spark, tmp_path_factory).warehouse)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(folder, tmp_path / "copy of it"))


def documented(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return what --json prints, which is exactly what docs/status.schema.json says."""
    assert status.main(["--warehouse", str(folder), "--json"]) == 0
    state: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(state)] == []
    return state


def test_status_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One page: what is current, releases, codebooks, the last check with what failed, runs and row counts."""
    assert status.main(["--warehouse", str(folder)]) == 0
    page = capsys.readouterr().out
    assert "current    release 5 of 2026-01-05 (rollback, verdict warn): 3 items, codebook 1" in page
    for words in (
        ["4", "2026-01-04", "nightly", "blocked", "block"],
        ["5", "2026-01-05", "rollback", "published", "warn", "1"],
        ["1", "active", "rkmeans", "[16, 16, 16]", "minilm#0123", "0.125", "[15.5, 14.0, 12.25]"],
        ["LAST CHECK: block, 2 checks of run nightly-4"],
        ["arrivals", "error_ratio", "1.5", "1.15", "1.3", "block", "arrivals fit worse"],
        ["nightly-6", "nightly", "2026-01-06", "killed"],
        ["nightly-4", "nightly", "2026-01-04", "blocked", "check_drift"],
        ["semantic_id", "8"],
    ):
        lines = [line.lower() for line in page.splitlines()]
        assert any(all(word.lower() in line for word in words) for line in lines), words


def test_status_for_monitors(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json holds the same facts as values, and every key of it is documented."""
    state = documented(folder, capsys)
    assert state["schema_version"] == 1
    assert state["current"]["release_id"] == 5
    assert state["current"]["items"] == 3
    assert [row["release_id"] for row in state["releases"]] == [5, 4, 3, 2, 1]
    assert state["releases"][0]["quarantined"] == 2
    assert [(row["version"], row["state"]) for row in state["codebooks"]] == [(2, "retired"), (1, "active")]
    assert state["codebooks"][1]["trained_on"] == 3
    assert state["check"]["verdict"] == "block"
    assert [row["metric"] for row in state["check"]["failing"]] == ["error_ratio"]
    assert [row["run_id"] for row in state["runs"]] == ["nightly-6", "nightly-4", "nightly-2"]
    assert state["tables"]["item_catalog"] == 4
    assert state["tables"]["item_quarantine"] == 0
    assert state["writer"] is None


def test_status_names_a_live_writer(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """While the process that holds the warehouse lives, its run is running; when it is gone, the run was killed."""
    holder = copy / ".semid.holder"
    holder.write_text(json.dumps({"run": "nightly of 2026-01-06", "pid": os.getpid(), "since": "2026-01-06"}))
    assert status.main(["--warehouse", str(copy)]) == 0
    page = capsys.readouterr().out
    assert f"writing    nightly of 2026-01-06 (process {os.getpid()}, since 2026-01-06)" in page
    assert "killed" not in page
    holder.write_text("{")
    assert status.main(["--warehouse", str(copy)]) == 0
    assert "killed" in capsys.readouterr().out


def test_status_before_the_first_release(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty warehouse says so plainly, with the command that fills it."""
    for table in ("release", "run", "drift_report", "codebook", "semantic_id"):
        DeltaTable(str(copy / table)).restore(0)
    assert status.main(["--warehouse", str(copy)]) == 0
    page = capsys.readouterr().out
    assert "nothing is published yet" in page
    assert "semid nightly --catalog PATH --warehouse" in page
    assert "RELEASES" not in page
    assert documented(copy, capsys)["current"] is None
