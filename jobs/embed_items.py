"""Embed every content of the catalog that has no vector yet; a stored vector is never computed again.

Reads: item_catalog, item_embedding.  Writes: item_embedding.
Exit codes: 0 done or nothing to do, 2 configuration, 6 the model gave a broken vector or a content has none,
7 model or GPU missing.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.frames.embed import check_complete, embed_unseen, only_unseen, to_active_contents
from semid.text.model import fingerprint_of


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    return job_parser(__doc__)


def main(ctx: Context) -> StepResult:
    """Embed the unseen contents, then make sure that every active content has exactly one vector."""
    model = fingerprint_of(ctx.config)
    contents = to_active_contents(ctx.store.read("item_catalog"))
    embedded, next_step = 0, "run ingest-catalog again: the feed brings the vectors"
    if not ctx.config.embedding.supplied:
        unseen = only_unseen(contents, ctx.store.read("item_embedding"), model)
        embedded = embed_unseen(ctx.store, unseen, ctx.config.embedding, model, ctx.run_id)
        next_step = "run embed-items again; if it stays, restore item_embedding from a backup"
    total = check_complete(contents, ctx.store.read("item_embedding"), model, next_step)
    return StepResult(total, embedded, {"embedded": embedded, "reused": total - embedded, "model": model})


JOB = Job("embed_items", arg_parser, main, reads=("item_catalog",))

if __name__ == "__main__":
    sys.exit(run_job(JOB))
