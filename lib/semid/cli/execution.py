"""One execution of a job as monitors see it: written when it ends, also when it was blocked or failed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from semid.cli.logs import Console
from semid.config import SemidConfig
from semid.ids import fingerprint
from semid.report import prometheus
from semid.tables import runs
from semid.tables.places import folder_beside, replace_file

log = logging.getLogger(__name__)

LEDGER = "runs.jsonl"
_STEP = ("job", "status", "seconds", "rows_in", "rows_out", "metrics")


@dataclass
class Execution:
    """What is known of an execution; filled in while it goes on.

    Attributes:
        job: Name of the job.
        console: Where it logs.
        exit_code: 1 until the job has ended in another way.
        config: None while it is not read: there is no place to write to either.
        run_id: Empty as long as it is not derived.
        error: What ended it.
        rows: Rows of table `run` by run id: its own, its steps'.
    """

    job: str
    console: Console
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    exit_code: int = 1
    config: SemidConfig | None = None
    run_id: str = ""
    run_date: date | None = None
    error: BaseException | None = None
    rows: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def read_config(self, config: SemidConfig, run_date: date, log_format: str | None) -> None:
        """Take note of the configuration, and log as it says unless the flag says otherwise."""
        self.config, self.run_date = config, run_date
        if log_format is None:
            self.console.write_as(config.observe.log_format)
        self.console.tell(run_date=run_date.isoformat())

    def begin(self, run_id: str) -> None:
        """Take note of the run id; every later line of a JSON log has it."""
        self.run_id = run_id
        self.console.tell(run_id=run_id)
        log.info("run %s", run_id)

    def keep(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take note of rows of table `run`."""
        self.rows |= {str(row["run_id"]): row for row in rows}

    def entry(self) -> dict[str, Any]:
        """Return the execution as one line of `runs.jsonl`; keys are those of docs/monitoring.md."""
        assert self.config is not None
        ended, own = datetime.now(UTC), dict(self.rows.get(self.run_id, {}))
        failed = runs.failure(self.error) if self.error else {}
        steps = [row for run_id, row in self.rows.items() if run_id.startswith(f"{self.run_id}/")]
        return {
            "warehouse": self.config.warehouse,
            "job": self.job,
            "run_id": self.run_id or None,
            "run_date": self.run_date,
            "status": failed.get("status", "done"),
            "exit_code": self.exit_code,
            "started_at": self.started_at,
            "ended_at": ended,
            "seconds": round((ended - self.started_at).total_seconds(), 3),
            "rows_in": own.get("rows_in"),
            "rows_out": own.get("rows_out"),
            "metrics": json.loads(own.get("metrics") or "{}"),
            "steps": [
                {name: row.get(name) for name in _STEP} | {"metrics": json.loads(row.get("metrics") or "{}")}
                for row in steps
            ],
            "message": failed.get("message"),
        }


def write_metrics(execution: Execution) -> None:
    """Append the execution to `runs.jsonl` and replace its Prometheus files.

    Watching never changes what is watched: a folder that cannot be written is a warning.
    """
    config = execution.config
    folder = None if config is None else folder_beside(config.warehouse, config.observe.metrics)
    if folder is None:
        return
    try:
        _write(folder, execution.entry())
    except OSError as error:
        log.warning("the run metrics cannot be written to %s: %s", folder, error.strerror)


def _write(folder: Path, entry: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LEDGER).open("a", encoding="ascii") as ledger:
        ledger.write(json.dumps(entry, default=lambda when: when.isoformat()) + "\n")
    # Several warehouses may share the collector's folder.
    stem = f"semid-{entry['job']}-{fingerprint(entry['warehouse'])[:8]}"
    replace_file(folder / f"{stem}.prom", prometheus.execution_text(entry))
    if entry["exit_code"] == 0:
        replace_file(folder / f"{stem}-success.prom", prometheus.success_text(entry))
