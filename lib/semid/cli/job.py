"""The life cycle that every job shares: flags, configuration, lock, run row, errors to exit codes."""

from __future__ import annotations

import argparse
import json
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from pyspark.sql import SparkSession

from semid.cli import ctrl_c
from semid.cli.execution import Execution, write_metrics
from semid.cli.failure import show, with_state
from semid.cli.flags import config_of, job_parser, run_date_of
from semid.cli.logs import Console
from semid.config import SemidConfig, SparkConfig
from semid.environment import archive
from semid.environment.jars import require_jars
from semid.environment.java import require_java
from semid.errors import ConfigError, GateBlocked
from semid.frames import session
from semid.ids import RUN_ID_PATTERN, derive_run_id
from semid.nights import of_night
from semid.tables import releases, runs
from semid.tables.commit import finish_interrupted
from semid.tables.intact import require_intact
from semid.tables.lock import writing
from semid.tables.store import Store, to_json
from semid.tables.views import save_catalog

__all__ = [
    "Context",
    "Job",
    "StepResult",
    "job_parser",
    "run_job",
    "run_steps",
    "run_within",
    "start_session",
    "summary",
]

log = logging.getLogger("semid")

_QUIET = ("feed_fingerprint", "feed_file", "taken_as", "vectors_as", "good")
"""Metrics for the run row that say nothing on a terminal."""


@dataclass(frozen=True)
class Context:
    """What a job's `main` works with."""

    spark: SparkSession
    config: SemidConfig
    store: Store
    run_id: str
    run_date: date
    flags: argparse.Namespace
    keep: Callable[[Sequence[Mapping[str, Any]]], None] = lambda _rows: None
    steps: list[Mapping[str, Any]] = field(default_factory=list)
    """Rows of table `run` of the steps done; they are written with the row of their run, in one commit."""

    def save_runs(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows of table `run`, and keep them for the metrics of this execution."""
        self.keep(rows)
        runs.save(self.store, rows)


@dataclass(frozen=True)
class StepResult:
    """What a step did: rows read and written, and counts worth keeping (JSON-able).

    `whole` is False when further steps of its run are to come.
    """

    rows_in: int
    rows_out: int
    metrics: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = True


@dataclass(frozen=True)
class Job:
    """A job.

    Attributes:
        name: Its name, as in the run table.
        arg_parser: Makes its flags.
        main: Does it.
        reads: Tables whose versions are its inputs.
        release: Kind of the release it makes.
        inputs: Fingerprint of what its own flags bring, beside the configuration and the tables.
        show: Text about a run that is done, for the terminal; also when it was done before.
        plan: Text about what it would do, for `--dry-run`; asked without the lock, so it writes nothing.
        again: Whether a run that is done starts once more: the job finds itself what is left to do.
    """

    name: str
    arg_parser: Callable[[], argparse.ArgumentParser]
    main: Callable[[Context], StepResult]
    reads: tuple[str, ...]
    release: str = "nightly"
    inputs: Callable[[SparkSession, argparse.Namespace], str] = lambda _spark, _flags: ""
    show: Callable[[Store, str], str] | None = None
    plan: Callable[[Context], str] | None = None
    again: bool = False


def start_session(config: SparkConfig) -> SparkSession:
    """Return the Spark session; one of our own only after making sure that Java and the Delta jars are there."""
    options = ""
    if not session.submitted():
        require_java()
        require_jars()
        options = archive.java_options()
    spark = session.session(config, options)
    ctrl_c.take_over()
    return spark


def run_job(job: Job, argv: Sequence[str] | None = None) -> int:
    """Run a job and return its exit code; every failure becomes one message on stderr, every end one of metrics."""
    parser = job.arg_parser()
    if argv is not None:  # else spark-submit names the job's file
        parser.prog = f"semid {job.name.replace('_', '-')}"
    flags = parser.parse_args(argv)
    execution = Execution(job.name, Console(job.name, flags.log_format or "text"))
    try:
        _run(job, flags, execution)
        execution.exit_code = 0
    except BaseException as error:
        execution.error = error
        shown = ctrl_c.stopped() if isinstance(error, KeyboardInterrupt) else error
        if not isinstance(shown, Exception):
            raise
        execution.exit_code = show(shown, execution.console, debug=flags.debug)
    finally:
        write_metrics(execution)
    return execution.exit_code


def run_steps(ctx: Context, steps: Sequence[Job]) -> dict[str, StepResult]:
    """Run the steps of a chain one after the other; their rows in `run` are `<run id>/<job>`."""
    results: dict[str, StepResult] = {}
    rows: list[dict[str, Any]] = []
    try:
        for number, step in enumerate(steps, 1):
            log.info("%d/%d %s", number, len(steps), step.name)
            rows.append(runs.opening(f"{ctx.run_id}/{step.name}", step.name, ctx.run_date))
            try:
                results[step.name] = step.main(ctx)
            except BaseException as error:
                rows[-1] = runs.closed(rows[-1], runs.failure(error))
                raise
            rows[-1] = runs.closed(rows[-1], _outcome(results[step.name]))
            log.info("    %s in %.1f s", _summary(results[step.name]), rows[-1]["seconds"])
    finally:
        ctx.steps.extend(rows)
    return results


def summary(store: Store, run_id: str) -> str:
    """Return what a run that is done read, wrote and counted, in one line: a job's `show`."""
    row = runs.find(store, run_id) or {}
    result = StepResult(row.get("rows_in") or 0, row.get("rows_out") or 0, json.loads(row.get("metrics") or "{}"))
    return f"run {run_id}: {_summary(result)}"


def run_within(ctx: Context, job: Job, run_date: date, **flags: object) -> None:
    """Run another job of a date, all as `run_job` does it, in the session and under the lock of the job that runs.

    Args:
        ctx: Of the job that runs; its flags hold for the other one too.
        job: The other job.
        run_date: Its logical date.
        flags: Further flags of the other job.
    """
    asked = argparse.Namespace(**{**vars(ctx.flags), "run_id": None, **flags})
    opened = _context(job, asked, ctx.store, ctx.config, run_date)
    _attempt(job, replace(opened, context=replace(opened.context, keep=ctx.keep)))


def _run(job: Job, flags: argparse.Namespace, execution: Execution) -> None:
    run_date = run_date_of(flags)
    if flags.run_id is not None and not re.fullmatch(RUN_ID_PATTERN, flags.run_id):
        raise ConfigError("a run id is up to 128 letters, digits and _ . : + -", where=f"--run-id {flags.run_id}")
    config = config_of(flags)
    if job.plan and flags.dry_run:
        spark = start_session(config.spark)
        print(job.plan(Context(spark, config, Store(spark, config.warehouse), "dry-run", run_date, flags)))
        return
    execution.read_config(config, run_date, flags.log_format)
    holder = f"{job.name} of {run_date}" + (f", run {flags.run_id}" if flags.run_id else "")
    with writing(config.warehouse, holder):
        log.info("starting Spark")
        started = time.monotonic()
        spark = start_session(config.spark)
        store = Store(spark, config.warehouse)
        try:
            store.create_tables()
            log.info("Spark and the tables are up after %.1f s", time.monotonic() - started)
            require_intact(store)
            if finish_interrupted(store):
                save_catalog(store)
            opened = _context(job, flags, store, config, run_date)
            execution.begin(opened.context.run_id)
            opened = replace(opened, context=replace(opened.context, keep=execution.keep))
            _attempt(job, opened)
            if job.show:
                print(job.show(store, opened.context.run_id))
        except Exception as error:
            shown = with_state(error, lambda: releases.load(store).describe())
            if shown is error:
                raise
            raise shown from error


@dataclass(frozen=True)
class _Opened:
    context: Context
    inputs: str


def _context(job: Job, flags: argparse.Namespace, store: Store, config: SemidConfig, run_date: date) -> _Opened:
    from semid.frames.ingest import feed_fingerprint
    from semid.frames.pairs import pairs_fingerprint

    feed = ""
    if hasattr(flags, "catalog"):
        config = of_night(config, run_date)
        feed = feed_fingerprint(store.spark, config.catalog)
    feed += getattr(flags, "staged_run", None) or ""
    feed += pairs_fingerprint(store.spark, config.codebook)
    feed += job.inputs(store.spark, flags)
    inputs = runs.inputs_fingerprint(config, feed, {name: store.version(name) for name in job.reads})
    run_id = flags.run_id or derive_run_id(job.name, run_date.isoformat(), inputs)
    return _Opened(Context(store.spark, config, store, run_id, run_date, flags), inputs)


def _attempt(job: Job, opened: _Opened) -> None:
    ctx, inputs = opened.context, opened.inputs
    earlier = runs.find(ctx.store, ctx.run_id)
    if earlier is not None:
        runs.refuse_reuse(earlier, job.name, ctx.run_date, inputs)
        if _is_done(ctx, earlier) and not job.again:
            log.info("nothing to do: run %s is done", ctx.run_id)
            ctx.keep([earlier])
            return
    row = runs.opening(ctx.run_id, job.name, ctx.run_date, runs.newest_moment(ctx.store)) | {
        "inputs": inputs,
        "config": runs.config_json(ctx.config),
    }
    ctx.save_runs([row])
    try:
        result = job.main(ctx)
    except BaseException as error:
        ctrl_c.cancel(ctx.spark, error)
        ctx.save_runs([*ctx.steps, runs.closed(row, runs.failure(error))])
        if isinstance(error, GateBlocked):
            releases.record_blocked(ctx.store, error.run_id or ctx.run_id, ctx.run_date, job.release)
        raise
    ctx.save_runs([*ctx.steps, runs.closed(row, _outcome(result))])


def _is_done(ctx: Context, row: Mapping[str, Any]) -> bool:
    # A run killed after its release is done although its row still says running; a night that was rolled back
    # since is not done any more: it must be publishable again.
    history = releases.load(ctx.store)
    release = history.published_by(ctx.run_id)
    if release is None:
        return bool(row["status"] == "done")
    if history.undone(release):
        return False
    if row["status"] != "done":
        assert release.created_at is not None, "a release that was read"
        runs.save(ctx.store, [runs.outlived(row, release.created_at)])
    return True


def _outcome(result: StepResult) -> dict[str, Any]:
    return {
        "status": "done" if result.whole else "partial",
        "rows_in": result.rows_in,
        "rows_out": result.rows_out,
        "metrics": to_json(result.metrics),
    }


def _summary(result: StepResult) -> str:
    counts = {k: v for k, v in result.metrics.items() if isinstance(v, int | float | str) and v and k not in _QUIET}
    details = ", ".join(f"{k} {v:,}" if isinstance(v, int) else f"{k} {v}" for k, v in list(counts.items())[:6])
    return f"{result.rows_in:,} rows in, {result.rows_out:,} out" + (f" ({details})" if details else "")
