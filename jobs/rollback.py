"""Publish the state of an earlier release once more, as a new release; nothing is deleted.

Reads: release, semantic_id.  Writes: semantic_id, semantic_id_change, release.
Exit codes: 0 done or nothing to do, 2 there is no such release, 6 its state is no longer stored.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.ids import fingerprint
from semid.tables.switch import roll_back
from semid.tables.views import save_catalog


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    parser = job_parser(__doc__)
    parser.add_argument("--to", metavar="RELEASE_ID", type=int, required=True, help="release whose state is published")
    return parser


def main(ctx: Context) -> StepResult:
    """Publish the old state as one release."""
    release = roll_back(ctx.store, ctx.flags.to, ctx.run_id, ctx.run_date)
    save_catalog(ctx.store)
    rows = sum(release.counts[name] for name in ("added", "changed", "removed"))
    return StepResult(rows, rows, {"release_id": release.release_id, **release.counts})


# Given again it is the same run, and finds what readers see now: its own release is none of its inputs.
JOB = Job(
    "rollback",
    arg_parser,
    main,
    reads=(),
    release="rollback",
    inputs=lambda _spark, flags: fingerprint({"to": flags.to}),
    again=True,
)

if __name__ == "__main__":
    sys.exit(run_job(JOB))
