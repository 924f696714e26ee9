"""What an execution leaves behind when it ends: one JSON line, and the Prometheus files."""

from __future__ import annotations

import json
import logging
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from semid.cli.execution import LEDGER, Execution, write_metrics
from semid.cli.logs import Console
from semid.config import load_config
from semid.errors import GateBlocked

DAY = date(2026, 1, 5)


def execution(warehouse: Path, *settings: str) -> Execution:
    """Return an execution that has read its configuration."""
    config = load_config(overrides=[f"warehouse={json.dumps(str(warehouse))}", *settings])
    begun = Execution("nightly", Console("nightly", "text"))
    begun.read_config(config, DAY, "text")
    return begun


def row(run_id: str, job: str, metrics: dict[str, Any]) -> dict[str, Any]:
    ended = {"status": "done", "seconds": 2.0, "rows_in": 5, "rows_out": 3, "metrics": json.dumps(metrics)}
    return {"run_id": run_id, "job": job, **ended}


def done(warehouse: Path) -> None:
    """Write the metrics of a night that published."""
    night = execution(warehouse)
    night.begin("n1")
    night.keep([row("n1/embed_items", "embed_items", {"embedded": 3}), row("n1", "nightly", {"added": 3})])
    night.exit_code = 0
    write_metrics(night)


def ledger(warehouse: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (warehouse / "_metrics" / LEDGER).read_text().splitlines()]


def test_a_night_is_one_line_with_its_steps(tmp_path: Path) -> None:
    """Counts of the run and of each step, as in table run; no step is mistaken for the run."""
    done(tmp_path)
    (line,) = ledger(tmp_path)
    assert (line["run_id"], line["run_date"], line["status"], line["exit_code"]) == ("n1", "2026-01-05", "done", 0)
    assert (line["rows_in"], line["rows_out"], line["metrics"]) == (5, 3, {"added": 3})
    assert [(step["job"], step["seconds"], step["metrics"]) for step in line["steps"]] == [
        ("embed_items", 2.0, {"embedded": 3})
    ]


def test_a_blocked_night_keeps_the_time_of_the_last_success(tmp_path: Path) -> None:
    """Its own file says 4 and has no counts of the night before; the file of successes stays byte for byte."""
    done(tmp_path)
    (success,) = (tmp_path / "_metrics").glob("*-success.prom")
    before = success.read_bytes()
    night = execution(tmp_path)
    night.begin("n2")
    night.error, night.exit_code = GateBlocked("psi"), 4
    write_metrics(night)
    assert success.read_bytes() == before
    (text,) = [file.read_text() for file in (tmp_path / "_metrics").glob("*.prom") if file != success]
    assert 'semid_job="nightly"} 4\n' in text
    assert "semid_run_count" not in text
    line = ledger(tmp_path)[-1]
    assert (line["status"], line["exit_code"], line["message"]) == ("blocked", 4, "semid.errors.GateBlocked: psi")
    assert sorted(path.name for path in (tmp_path / "_metrics").iterdir() if path.name.startswith(".")) == []


def test_a_run_that_ended_early_has_no_run_id(tmp_path: Path) -> None:
    """A conflict before the id is derived: failed, without steps."""
    night = execution(tmp_path)
    night.error, night.exit_code = ValueError("x"), 1
    write_metrics(night)
    (line,) = ledger(tmp_path)
    assert (line["run_id"], line["status"], line["steps"]) == (None, "failed", [])


def test_two_warehouses_share_a_collector_folder(tmp_path: Path) -> None:
    """Files are named by job and warehouse."""
    for name in ("a", "b"):
        night = execution(tmp_path / name, f"observe.metrics={tmp_path / 'collector'}")
        night.exit_code = 0
        write_metrics(night)
    assert len(list((tmp_path / "collector").glob("*.prom"))) == 4


@pytest.mark.parametrize("settings", [("observe.metrics=null",), ("warehouse=s3://bucket/w",)])
def test_nothing_is_written_where_there_is_no_place(settings: tuple[str, ...], tmp_path: Path) -> None:
    """Switched off, or a relative folder of a warehouse on another file system."""
    write_metrics(execution(tmp_path, *settings))
    write_metrics(Execution("nightly", Console("nightly", "text")))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job ends as it would have."""
    said: list[str] = []
    monkeypatch.setattr(
        logging.getLogger("semid.cli.execution"), "warning", lambda text, *args: said.append(text % args)
    )
    (tmp_path / "_metrics").write_text("a file")
    write_metrics(execution(tmp_path))
    assert said == [f"the run metrics cannot be written to {tmp_path / '_metrics'}: File exists"]
