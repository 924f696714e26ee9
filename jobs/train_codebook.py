"""Train the codebook that IDs are assigned with, unless one is there already.

Reads: item_catalog, item_embedding, codebook, release, the pairs.  Writes: codebook.
Exit codes: 0 done or nothing to do, 2 configuration, 3 pairs refused, 6 stored data, 7 model or Java missing.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.frames.assign import only_contents_of
from semid.frames.fit_choice import cluster_fit
from semid.frames.pairs import collect_pairs_of
from semid.frames.sample import collect_sample, only_sample
from semid.measure.fit import fit
from semid.tables import registry, serving
from semid.text.model import fingerprint_of


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    return job_parser(__doc__)


def main(ctx: Context) -> StepResult:
    """Train on a hash sample of the active contents and register the codebook."""
    model = fingerprint_of(ctx.config)
    settings = ctx.config.codebook
    if serving.serving_of(ctx.store, ctx.run_id, model, settings).versions:
        return StepResult(0, 0, {"trained": "no, one is there"})
    active = ctx.store.read("item_catalog").where("is_active")
    contents = only_contents_of(ctx.store.read("item_embedding"), active, model)
    across = cluster_fit(contents, settings, ctx.store.path("_fit"))
    sample = only_sample(contents, settings.collected_rows, str(settings.seed))
    pairs = collect_pairs_of(ctx.spark, settings, sample, active)
    x = collect_sample(sample)
    row, artifact = fit(x, settings, pairs=pairs, across=across and across.quantizer)
    rows = across.rows if across else len(x)
    version = registry.add(ctx.store, row, artifact, registry.Source(model, ctx.config, rows, ctx.run_id))
    return StepResult(rows, 1, {"codebook_version": version, "kind": settings.kind})


JOB = Job("train_codebook", arg_parser, main, reads=("item_catalog", "item_embedding"))

if __name__ == "__main__":
    sys.exit(run_job(JOB))
