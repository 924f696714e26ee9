"""Check the staged IDs: table contracts and the first drift gates. A block stops the release.

Reads: semantic_id_staged, semantic_id, semantic_id_change, item_catalog, codebook, release.
Writes: drift_report; Great Expectations' results and Data Docs into the folder of observe.data_docs.
Exit codes: 0 passed or warned, 2 configuration, 4 gate blocked (nothing is published), 6 stored data.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.frames.audit import Audit
from semid.frames.data_docs import write_data_docs
from semid.frames.expectations import Record
from semid.measure.gate import decide, load_thresholds, refusal
from semid.tables import serving
from semid.tables.drift import write_report
from semid.tables.places import folder_beside
from semid.tables.staged import count_staged, staged_run
from semid.text.model import fingerprint_of


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    parser = job_parser(__doc__)
    parser.add_argument("--staged-run", metavar="RUN_ID", help="run whose staged rows are checked; the newest one")
    return parser


def main(ctx: Context) -> StepResult:
    """Report every check of the staged rows, then let them pass or stop the release."""
    thresholds = load_thresholds(ctx.config.gate.thresholds)
    run_id = staged_run(ctx.store, getattr(ctx.flags, "staged_run", None), ctx.run_id)
    found = serving.serving_of(ctx.store, run_id, fingerprint_of(ctx.config), ctx.config.codebook)
    rows = count_staged(ctx.store, run_id, found.versions)
    record = Record(run_id)
    checks = Audit(ctx.store, run_id, found, thresholds, getattr(ctx.flags, "shadow", False), record).checks()
    write_report(ctx.store, run_id, checks)
    if folder := folder_beside(ctx.config.warehouse, ctx.config.observe.data_docs):
        write_data_docs(folder, record.results)
    verdict = decide(checks)
    if verdict.status == "block":
        raise refusal(run_id, checks)
    metrics = {"verdict": verdict.status, "reasons": list(verdict.reasons)}
    return StepResult(rows, len(checks), metrics)


JOB = Job("check_drift", arg_parser, main, reads=("semantic_id_staged", "codebook"))

if __name__ == "__main__":
    sys.exit(run_job(JOB))
