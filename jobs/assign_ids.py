"""Give every arrival its semantic ID under every codebook version that is served, staged until it is audited.

Where no table has moved since the release of the night before there are none, and no row is looked at.
Reads: item_catalog, item_embedding, codebook, release, semantic_id, semantic_id_change.
Writes: semantic_id_staged; code_map when a retrained codebook is among them.
Exit codes: 0 done or nothing to do, 2 configuration, 6 codebook and embeddings do not fit or fail their check.
"""

from __future__ import annotations

import argparse
import sys
from functools import reduce

from pyspark.sql import DataFrame

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.errors import StoredDataError
from semid.frames.assign import Inputs, assign, incumbents_of
from semid.frames.code_map import to_code_map
from semid.frames.resolve import to_staged
from semid.tables import registry, serving, unmoved
from semid.tables.code_map import replace_code_map
from semid.tables.intervals import only_open
from semid.tables.staged import stage, staged_rows
from semid.text.model import fingerprint_of


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    return job_parser(__doc__)


def main(ctx: Context) -> StepResult:
    """Encode the contents of the arrivals and number the items of each bucket, version by version."""
    store, model = ctx.store, fingerprint_of(ctx.config)
    found = serving.serving_of(store, ctx.run_id, model, ctx.config.codebook)
    serving.require_model(found, model, ctx.config.codebook)
    if found.candidate is None and staged_rows(store, ctx.run_id).isEmpty() and unmoved.since_release(store):
        return StepResult(0, 0, {"codebook_versions": list(found.versions)})
    if not found.versions:
        raise StoredDataError("there is no codebook yet", where="table codebook", next_step="semid train-codebook")
    tables = ("item_catalog", "item_embedding", "semantic_id", "semantic_id_change")
    inputs = Inputs(*(store.read(name) for name in tables))
    parts = [
        assign(inputs, registry.load(store, version), incumbents_of(inputs, found, version))
        for version in found.versions
    ]
    rows = to_staged(reduce(DataFrame.unionByName, [part.rows for part in parts]), ctx.run_id, ctx.run_date)
    staged = stage(store, rows, reduce(DataFrame.unionByName, [part.arrivals for part in parts]), ctx.run_id)
    if found.candidate is not None and found.active is not None:
        new = staged_rows(store, ctx.run_id).where(f"codebook_version = {found.candidate:d}")
        mapped = to_code_map(only_open(inputs.ids, [found.active]), new)
        replace_code_map(store, mapped, found.active, found.candidate)
    for part in parts:
        for frame in part.held:
            frame.unpersist()
    return StepResult(staged, staged, {"codebook_versions": list(found.versions)})


JOB = Job("assign_ids", arg_parser, main, reads=("item_catalog", "item_embedding", "codebook"))

if __name__ == "__main__":
    sys.exit(run_job(JOB))
