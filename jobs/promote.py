"""Make a shadow codebook version the one that readers see; the one before stays served beside it.

Reads: item_catalog, semantic_id, release.  Writes: semantic_id_change, release.
Exit codes: 0 done or nothing to do, 2 there is no such shadow version, 5 active items have no ID under it yet.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.ids import fingerprint
from semid.tables.switch import promote
from semid.tables.views import save_catalog


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    parser = job_parser(__doc__)
    parser.add_argument("--version", metavar="VERSION", type=int, required=True, help="codebook version to make active")
    return parser


def main(ctx: Context) -> StepResult:
    """Publish the move as one release."""
    release = promote(ctx.store, ctx.flags.version, ctx.run_id, ctx.run_date)
    save_catalog(ctx.store)
    return StepResult(
        release.counts["items"], release.counts["items"], {"release_id": release.release_id, **release.counts}
    )


# Given again it is the same run, and finds what readers see now: its own release is none of its inputs.
JOB = Job(
    "promote",
    arg_parser,
    main,
    reads=(),
    release="retrain",
    inputs=lambda _spark, flags: fingerprint({"version": flags.version}),
    again=True,
)

if __name__ == "__main__":
    sys.exit(run_job(JOB))
