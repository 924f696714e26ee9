"""Give the items of a past date their IDs under a codebook version that came later; other rows stay as they are.

`semid backfill --codebook VERSION` does this for every release date before the version was first served.

Reads: semantic_id, semantic_id_change, item_embedding, codebook, release.
Writes: semantic_id_staged, drift_report, semantic_id, semantic_id_change, release.
Exit codes: 0 done or nothing to do, 2 no such version or it had IDs on that date, 4 gate blocked (nothing published),
5 another run holds the warehouse, 6 contents of that date have no vector of the version's model.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.frames.rebuild import audit_past, published_items, served, stage_past
from semid.tables import releases
from semid.tables.past import Audited, past_of, past_under, publish_past
from semid.tables.publish import wanted_rows
from semid.tables.staged import staged_rows
from semid.tables.views import save_catalog


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    parser = job_parser(__doc__)
    parser.add_argument("--codebook", metavar="VERSION", type=int, required=True, help="codebook version")
    return parser


def main(ctx: Context) -> StepResult:
    """Take the items and contents of the date from what was published then, and assign, check and publish them."""
    store, run_id, version, history = ctx.store, ctx.run_id, ctx.flags.codebook, releases.load(ctx.store)
    past = past_under(history, store.read("semantic_id"), ctx.run_date, version)
    with published_items(store, past, past_of(history, ctx.run_date).active) as items:
        staged = stage_past(store, items, past, run_id)
        verdict = audit_past(store, items, past, served(store, past), ctx.config, run_id)
        rows = staged_rows(store, run_id).drop("run_id")
        wanted = wanted_rows(items.items, past.serving)
        release = publish_past(store, Audited(run_id, verdict.status, 0), past, rows, wanted)
        save_catalog(store)
        return StepResult(items.read, staged, {"release_id": release.release_id, **release.counts})


JOB = Job(
    "assign_past",
    arg_parser,
    main,
    reads=(),
    release="backfill",
    inputs=lambda _, flags: str(flags.codebook),
)

if __name__ == "__main__":
    sys.exit(run_job(JOB))
