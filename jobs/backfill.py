"""Make up for what is missing: replay nights from dated feeds, rebuild past dates, or give history a later codebook.

Reads: the feeds and every table.  Writes: every table.
Exit codes: 0 done or nothing to do, 2 flags or configuration, or a date before the current release, 3 a feed is missing
or refused, 4 the gate blocked a night (those before it are published), 5 another run holds the warehouse, 6 stored data
fails its check, 7 environment.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from semid.cli import backfill
from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.ids import fingerprint
from semid.jobs import assign_past, nightly, rebuild_night
from semid.tables.runs import metrics_of


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    parser = job_parser(__doc__)
    parser.add_argument("--start", metavar="YYYY-MM-DD", help="first date")
    parser.add_argument("--end", metavar="YYYY-MM-DD", help="last date")
    feeds = "the feeds: a path with {date} or {date:%%Y%%m%%d} in it; catalog.path by default"
    parser.add_argument("--catalog", metavar="TEMPLATE", dest="feeds", help=feeds)
    form = parser.add_mutually_exclusive_group()
    rebuild = "make the IDs of past dates again from their feeds; no other date changes"
    form.add_argument("--rebuild", action="store_true", help=rebuild)
    codebook = "give past dates IDs under this served version too; all dates before it came, or --start to --end"
    form.add_argument("--codebook", metavar="VERSION", type=int, help=codebook)
    parser.add_argument("--dry-run", action="store_true", help="print the plan with row counts and write nothing")
    return parser


def main(ctx: Context) -> StepResult:
    """Do what is missing, date by date; a backfill that was killed goes on at the first unfinished one."""
    if ctx.flags.rebuild:
        return backfill.rebuild(ctx, rebuild_night.JOB, backfill.plan_rebuild(ctx), catalog=None)
    if ctx.flags.codebook is not None:
        return backfill.rebuild(ctx, assign_past.JOB, backfill.plan_codebook(ctx))
    return backfill.replay(ctx, replace(nightly.JOB, release="backfill"), backfill.plan_replay(ctx))


JOB = Job(
    "backfill",
    arg_parser,
    main,
    reads=(),
    inputs=lambda _, flags: fingerprint([flags.start, flags.end, flags.feeds, flags.rebuild, flags.codebook]),
    plan=backfill.shown,
    show=lambda store, run_id: backfill.shown_releases(store, metrics_of(store, run_id)["releases"]),
    again=True,
)

if __name__ == "__main__":
    sys.exit(run_job(JOB))
