"""Embed every content of the catalog that has no vector yet; a stored vector is never computed again.

Reads: item_catalog and its image files, item_embedding, codebook, release, run.  Writes: item_embedding.
Exit codes: 0 done or nothing to do, 2 configuration, 3 images changed since they were ingested, 6 the model gave a
broken vector or a content has none, or the catalog was ingested without images, 7 model or GPU missing.
"""

from __future__ import annotations

import argparse
import json
import sys

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.frames.embed import embed_model, to_active_contents
from semid.frames.embed_images import image_counts
from semid.tables import runs, serving, unmoved
from semid.text.model import fingerprint_of


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    return job_parser(__doc__)


def main(ctx: Context) -> StepResult:
    """Embed the unseen contents, then make sure that every active content has exactly one vector."""
    found = serving.serving_of(ctx.store, ctx.run_id, fingerprint_of(ctx.config), ctx.config.codebook)
    models = serving.models_of(found, ctx.config)
    if then := runs.newest_done(ctx.store, JOB.name, vectors_as=unmoved.vectors_as(ctx.store, list(models))):
        return StepResult(then.rows_in, 0, {**json.loads(then.metrics), "embedded": 0, "reused": then.rows_in})
    catalog = ctx.store.read("item_catalog")
    images = image_counts(catalog, ctx.config.images)
    contents = to_active_contents(catalog)
    results = [embed_model(ctx.store, contents, settings, model, ctx.run_id) for model, settings in models.items()]
    total, embedded = (sum(column) for column in zip(*results, strict=True))
    counts = {"embedded": embedded, "reused": total - embedded, **images}
    metrics = {**counts, "model": ", ".join(models), "vectors_as": unmoved.vectors_as(ctx.store, list(models))}
    return StepResult(total, embedded, metrics)


JOB = Job("embed_items", arg_parser, main, reads=("item_catalog",))

if __name__ == "__main__":
    sys.exit(run_job(JOB))
