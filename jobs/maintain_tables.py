"""Keep the tables fast and small: OPTIMIZE, VACUUM, checkpoint; every kept release stays readable as it was published.

Reads: release, the logs and files of every table.  Writes: no rows; files and properties of every table.
Exit codes: 0 done, 2 configuration, 5 another run holds the warehouse, 6 stored data, 7 environment.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.flags import at_least
from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.cli.storage import shown_report, shown_upkeep
from semid.tables.contract import table_names
from semid.tables.maintain import maintain, now, plan_upkeep
from semid.tables.retention import LEAST_DAYS
from semid.tables.runs import metrics_of


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    parser = job_parser(__doc__)
    keep = f"releases of this many days stay readable as published, {LEAST_DAYS} or more (30); the last two always do"
    parser.add_argument("--keep-days", metavar="N", type=at_least(LEAST_DAYS), default=30, help=keep)
    parser.add_argument("--dry-run", action="store_true", help="print sizes and what would go, and write nothing")
    return parser


def main(ctx: Context) -> StepResult:
    """Do the upkeep table by table; killed, it starts again with what is left."""
    plan = plan_upkeep(ctx.store, ctx.flags.keep_days, now())
    report = maintain(ctx.store, plan)
    files = [sum(table[when]["stored_files"] for table in report.values()) for when in ("before", "after")]
    return StepResult(files[0], files[1], {"kept": plan.kept, "lost": plan.lost, "tables": report})


# Its inputs are all tables, and `run` among them moves with every run: it is never done once and for all.
JOB = Job(
    "maintain_tables",
    arg_parser,
    main,
    reads=tuple(table_names()),
    plan=lambda ctx: shown_upkeep(ctx.store, plan_upkeep(ctx.store, ctx.flags.keep_days, now())),
    show=lambda store, run_id: shown_report(metrics_of(store, run_id)),
)

if __name__ == "__main__":
    sys.exit(run_job(JOB))
