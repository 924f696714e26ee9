"""Train a successor of the active codebook: from that codebook where it fits, its codes named after the old ones.

`retrain` goes on from here. Alone it registers a candidate that nobody is assigned with, to look at its numbers.

Reads: item_catalog, item_embedding, codebook, semantic_id, release, the pairs.  Writes: codebook.
Exit codes: 0 done or nothing to do, 2 configuration or nothing published yet, 3 pairs refused, 6 stored data,
7 environment.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.errors import ConfigError
from semid.frames.successor import Succession, train_successor
from semid.tables import registry, serving
from semid.text.model import fingerprint_of


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    parser = job_parser(__doc__)
    parser.add_argument("--cold", action="store_true", help="do not start from the active codebook")
    return parser


def main(ctx: Context) -> StepResult:
    """Train and register the candidate, unless this run has done so before it was killed."""
    model = fingerprint_of(ctx.config)
    found = serving.serving_of(ctx.store, ctx.run_id, model, ctx.config.codebook)
    if found.active is None:
        raise ConfigError("there is no active codebook to follow", where="table release", next_step="semid nightly")
    if found.candidate is not None:
        return StepResult(0, 0, {"trained": "no, one is there"})
    parent = registry.load(ctx.store, found.active)
    trained = train_successor(ctx.store, Succession(parent, model, ctx.config.codebook, cold=ctx.flags.cold))
    kept = ctx.config.retrain.tolerance
    source = registry.Source(model, ctx.config, trained.contents, ctx.run_id, kept)
    version = registry.add(ctx.store, trained.row, trained.artifact, source)
    start = "cold" if trained.row["parent_version"] is None else "warm"
    return StepResult(
        trained.contents, 1, {"codebook_version": version, "kind": ctx.config.codebook.kind, "start": start}
    )


JOB = Job("train_successor", arg_parser, main, reads=("item_catalog", "item_embedding"))

if __name__ == "__main__":
    sys.exit(run_job(JOB))
