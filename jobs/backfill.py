"""Make up for missed nights: replay them in order from dated feeds; or rebuild past dates from theirs.

Reads: the feeds and every table.  Writes: every table.
Exit codes: 0 done or nothing to do, 2 flags or configuration, or a date before the current release, 3 a feed is missing
or refused, 4 the gate blocked a night (those before it are published), 5 another run holds the warehouse, 6 stored data
fails its check, 7 environment.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from semid.cli.backfill import plan_rebuild, plan_replay, rebuild, replay, shown_plan, shown_rebuild, shown_releases
from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.ids import fingerprint
from semid.jobs import nightly, rebuild_night
from semid.tables.runs import metrics_of


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    parser = job_parser(__doc__)
    parser.add_argument("--start", metavar="YYYY-MM-DD", required=True, help="first date")
    parser.add_argument("--end", metavar="YYYY-MM-DD", required=True, help="last date")
    feeds = "the feeds: a path with {date} or {date:%%Y%%m%%d} in it; catalog.path by default"
    parser.add_argument("--catalog", metavar="TEMPLATE", dest="feeds", help=feeds)
    rebuild = "make the IDs of past dates again; no other date changes"
    parser.add_argument("--rebuild", action="store_true", help=rebuild)
    parser.add_argument("--dry-run", action="store_true", help="print the plan with row counts and write nothing")
    return parser


def main(ctx: Context) -> StepResult:
    """Replay the dates that are missing; a backfill that was killed goes on at the first unfinished one."""
    if ctx.flags.rebuild:
        return rebuild(ctx, rebuild_night.JOB, plan_rebuild(ctx))
    return replay(ctx, replace(nightly.JOB, release="backfill"), plan_replay(ctx))


JOB = Job(
    "backfill",
    arg_parser,
    main,
    reads=(),
    inputs=lambda _, flags: fingerprint([flags.start, flags.end, flags.feeds, flags.rebuild]),
    plan=lambda ctx: shown_rebuild(ctx, plan_rebuild(ctx)) if ctx.flags.rebuild else shown_plan(ctx, plan_replay(ctx)),
    show=lambda store, run_id: shown_releases(store, metrics_of(store, run_id)["releases"]),
    again=True,
)

if __name__ == "__main__":
    sys.exit(run_job(JOB))
