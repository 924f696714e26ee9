"""Train a successor of the active codebook, give every item its ID under it, check what moves, and publish.

Reads: item_catalog, item_embedding, codebook, semantic_id, semantic_id_change, release, the pairs.
Writes: item_embedding, codebook, semantic_id_staged, code_map, drift_report, semantic_id, semantic_id_change, release.
Exit codes: 0 done or nothing to do, 2 configuration or nothing published yet, 3 pairs refused, 4 gate blocked (readers
stay with the active codebook), 5 another run holds the warehouse, 6 stored data fails its check, 7 environment.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.job import Context, Job, StepResult, run_job, run_steps
from semid.jobs import assign_ids, check_drift, embed_items, publish_ids, train_successor
from semid.measure.fit import recipe_of

STEPS = (embed_items, train_successor, assign_ids, check_drift, publish_ids)


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    parser = train_successor.arg_parser()
    parser.description = __doc__
    parser.add_argument("--shadow", action="store_true", help="serve it beside the active codebook, which stays")
    return parser


def main(ctx: Context) -> StepResult:
    """Run the steps under one run id; a run that was killed goes on with the codebook it had trained."""
    recipe_of(ctx.config.codebook)  # refused before the contents are embedded by a new model
    results = run_steps(ctx, [step.JOB for step in STEPS])
    published = results["publish_ids"]
    return StepResult(results["assign_ids"].rows_in, published.rows_out, published.metrics)


# Only the catalog decides: a killed retrain finds the candidate it had trained, and a repeated one nothing to do.
JOB = Job("retrain", arg_parser, main, reads=("item_catalog",), release="retrain")

if __name__ == "__main__":
    sys.exit(run_job(JOB))
