"""The nightly run: a feed goes in, published semantic IDs come out.

Reads: the feed, the pairs (when it trains) and every table.  Writes: every table.
Exit codes: 0 done or nothing to do, 2 configuration, 3 feed or pairs refused, 4 gate blocked (nothing published),
5 another run holds the warehouse, or a step before that of --step is not done, 6 stored data fails its check,
7 environment.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.cli.steps import add_step_flag, run_chain
from semid.jobs import assign_ids, check_drift, embed_items, ingest_catalog, publish_ids, train_codebook
from semid.measure.fit import recipe_of
from semid.tables import releases, serving
from semid.tables.commit import refuse_older_date
from semid.text.model import fingerprint_of

STEPS = (ingest_catalog, embed_items, train_codebook, assign_ids, check_drift, publish_ids)


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    return add_step_flag(job_parser(__doc__, feed=True), [step.JOB for step in STEPS])


def main(ctx: Context) -> StepResult:
    """Run the steps, or the one asked for, under one run id; every step writes only what is not there yet."""
    # Known before the first step: none of this may cost a night of embedding and then be refused.
    model, settings = fingerprint_of(ctx.config), ctx.config.codebook
    found = serving.serving_of(ctx.store, ctx.run_id, model, settings)
    serving.require_model(found, model, settings)
    if not found.versions:
        recipe_of(settings)
    refuse_older_date(ctx.run_date, releases.load(ctx.store).current)
    return run_chain(ctx, [step.JOB for step in STEPS])


JOB = Job("nightly", arg_parser, main, reads=())

if __name__ == "__main__":
    sys.exit(run_job(JOB))
