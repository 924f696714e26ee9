"""The run table: one row per execution of a job."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from typing import Any

from pyspark.sql import Row

from semid import __version__
from semid.config import SemidConfig
from semid.errors import RunConflict, printable
from semid.ids import fingerprint
from semid.redact import without_secrets
from semid.tables.retention import in_utc
from semid.tables.store import Store, to_json

log = logging.getLogger(__name__)

_TICKS = "ticks"
"""Of a row that is open: when it was opened by the clock that nobody sets. No column, so it is not stored."""

_NOTABLE = timedelta(minutes=1)
"""The two clocks part by seconds in a long night (NTP moves one of them by up to 500 ppm)."""


def inputs_fingerprint(config: SemidConfig, feed: str, tables: Mapping[str, int]) -> str:
    """Return the fingerprint of what decides a run's outcome: settings, feed (with pairs) and table versions.

    Where the warehouse lies, how Spark is tuned and what is written for watchers decide nothing, so they stay out.
    """
    settings = config.model_dump(mode="json", exclude={"warehouse", "observe", "spark"})
    settings["catalog"].pop("path")
    settings["codebook"].pop("pairs")  # like the feed, by what they hold
    if not config.images.on:  # the run ids of those who use no images stay what they were before there were any
        settings.pop("images")
    return fingerprint({"settings": settings, "feed": feed, "tables": dict(tables)})


def find(store: Store, run_id: str) -> dict[str, Any] | None:
    """Return the run's row as a mapping, or None."""
    rows = [row for row in store.rows("run") if row.run_id == run_id]
    return rows[0].asDict() if rows else None


def newest_done(store: Store, job: str, **metrics: object) -> Row | None:
    """Return the row of the newest done run or step of a job that counted these `metrics`; None without."""
    done = [row for row in store.rows("run") if row.job == job and row.status == "done"]
    for row in sorted(done, key=lambda row: row.started_at, reverse=True):
        if metrics.items() <= json.loads(row.metrics or "{}").items():
            return row
    return None


def metrics_of(store: Store, run_id: str) -> dict[str, Any]:
    """Return what a run counted."""
    row = find(store, run_id)
    return dict(json.loads(row["metrics"])) if row is not None and row["metrics"] else {}


def refuse_reuse(row: Mapping[str, Any], job: str, run_date: date, inputs: str) -> None:
    """Raise RunConflict when a run id comes again with another job, date, configuration or feed.

    Delta's own transaction ids would ignore such a run silently, and survive RESTORE.
    """
    problems = [
        f"{name}: then {then}, now {now}"
        for name, then, now in (
            ("job", row["job"], job),
            ("run date", str(row["run_date"]), str(run_date)),
            ("inputs and configuration", row["inputs"], inputs),
        )
        if then != now
    ]
    if problems:
        raise RunConflict(
            f"run id {row['run_id']!r} was used before with other inputs",
            where="table run",
            problems=problems,
            next_step="leave --run-id out, or choose a new one",
        )


def newest_moment(store: Store) -> datetime | None:
    """Return the latest moment that a run's row names; None before the first run."""
    named = [max(row.started_at, row.ended_at or row.started_at) for row in store.rows("run")]
    return in_utc(max(named)) if named else None


def opening(run_id: str, job: str, run_date: date, after: datetime | None = None) -> dict[str, Any]:
    """Return the row of a run that starts now, or right behind `after` when the clock says less: it was put back.

    What is asked for the newest run goes by this column.
    """
    now = datetime.now(UTC)
    if after is not None and now <= after:
        if after - now > _NOTABLE:
            log.warning("the clock says %s, the newest run is of %s: this run is dated right behind it", now, after)
        now = after + timedelta(milliseconds=1)
    return {
        "run_id": run_id,
        "job": job,
        "run_date": run_date,
        "status": "running",
        "started_at": now,
        _TICKS: time.monotonic(),
        "semid_version": __version__,
        "spark_version": version("pyspark"),
        "delta_version": version("delta-spark"),
    }


def closed(row: Mapping[str, Any], outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a run that ends now with `outcome` (status, rows, metrics, message)."""
    seconds = time.monotonic() - row[_TICKS]
    return {**row, "ended_at": row["started_at"] + timedelta(seconds=seconds), "seconds": seconds, **outcome}


def outlived(row: Mapping[str, Any], released: datetime) -> dict[str, Any]:
    """Return the stored row of a run that was killed behind its release: done with it, and else as it was opened."""
    started = in_utc(row["started_at"])
    return {**row, "status": "done", "message": None, "started_at": started, "ended_at": max(started, in_utc(released))}


def failure(error: BaseException) -> dict[str, Any]:
    """Return the outcome of a run that `error` ended; a message of one line, without secrets."""
    status = "blocked" if getattr(error, "exit_code", 1) == 4 else "failed"
    message = "".join(traceback.format_exception_only(error)).strip()
    return {"status": status, "message": printable(message.splitlines()[0])[:500]}


def save(store: Store, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows of a run and its steps in one commit, replacing what an earlier attempt wrote."""
    if {row["run_id"] for row in rows}.isdisjoint(row.run_id for row in store.rows("run")):
        store.append_rows(rows, "run")  # nothing to replace: .33 s, a MERGE takes .57
        return
    source = store.frame(rows, "run").alias("s")
    merge = store.delta("run").alias("t").merge(source, "t.run_id = s.run_id")
    merge.whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()


def config_json(config: SemidConfig) -> str:
    """Return the configuration as JSON, without secrets: no key is meant for one, and a location with one is refused.

    What still looks like a secret, in `codebook.params` or in a prompt, is left out.
    """
    return to_json(without_secrets(config.model_dump(mode="json")))
