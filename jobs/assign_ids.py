"""Give every arrival its semantic ID, staged until it is audited.

Reads: item_catalog, item_embedding, codebook, semantic_id, semantic_id_change.  Writes: semantic_id_staged.
Exit codes: 0 done or nothing to do, 2 configuration, 6 codebook and embeddings do not fit or fail their check.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.frames.assign import only_arrivals, only_contents_of, to_coded_contents, to_item_codes
from semid.frames.resolve import to_ledger, to_staged, with_dedup_index
from semid.tables import registry
from semid.tables.publish import only_current
from semid.tables.staged import stage
from semid.text.model import fingerprint_of


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    return job_parser(__doc__)


def main(ctx: Context) -> StepResult:
    """Encode the contents of tonight's arrivals and number the items of each bucket."""
    model = fingerprint_of(ctx.config)
    stored = registry.assigning(ctx.store, model, ctx.config.codebook)
    current = only_current(ctx.store.read("semantic_id"), stored.version)
    arrivals = only_arrivals(ctx.store.read("item_catalog"), current)
    contents = only_contents_of(ctx.store.read("item_embedding"), arrivals, model)
    coded = to_coded_contents(contents, stored.artifact).persist()
    ledger = to_ledger(ctx.store.read("semantic_id_change"), stored.version)
    numbered = with_dedup_index(to_item_codes(arrivals, coded), ledger)
    rows = stage(ctx.store, to_staged(numbered, ctx.run_id, stored.version, ctx.run_date), arrivals, ctx.run_id)
    coded.unpersist()
    return StepResult(rows, rows, {"codebook_version": stored.version})


JOB = Job("assign_ids", arg_parser, main, reads=("item_catalog", "item_embedding", "codebook"))

if __name__ == "__main__":
    sys.exit(run_job(JOB))
