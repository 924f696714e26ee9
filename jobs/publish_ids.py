"""Publish the audited IDs: one commit into the ID table, one release row.

Reads: semantic_id_staged, item_catalog, codebook, drift_report, item_quarantine.
Writes: semantic_id, semantic_id_change, release.
Exit codes: 0 done or nothing to do, 2 the run date lies before the current release, 4 not checked or blocked,
5 the catalog has changed since the rows were staged.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.tables import serving
from semid.tables.publish import Publication, publish
from semid.tables.staged import quarantined_rows, staged_run
from semid.tables.verdict import passed_verdict
from semid.tables.views import save_catalog
from semid.text.model import fingerprint_of


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    parser = job_parser(__doc__)
    parser.add_argument("--staged-run", metavar="RUN_ID", help="run whose staged rows are published; the newest one")
    return parser


def main(ctx: Context) -> StepResult:
    """Publish the staged rows of a run that passed the gate; a codebook it has trained becomes the active one."""
    run_id = staged_run(ctx.store, getattr(ctx.flags, "staged_run", None), ctx.run_id)
    found = serving.serving_of(ctx.store, run_id, fingerprint_of(ctx.config), ctx.config.codebook)
    after = serving.after_publishing(found, ctx.config.retrain.served, shadow=getattr(ctx.flags, "shadow", False))
    replayed = after.kind == "nightly" and getattr(ctx.flags, "replayed", False)
    publication = Publication(
        run_id=run_id,
        run_date=ctx.run_date,
        kind="backfill" if replayed else after.kind,
        active=after.active,
        serving=after.serving,
        verdict=passed_verdict(ctx.store, run_id),
        quarantined=quarantined_rows(ctx.store, run_id),
    )
    release = publish(ctx.store, publication)
    save_catalog(ctx.store)
    rows = sum(release.counts[name] for name in ("added", "changed", "removed"))
    metrics = {"release_id": release.release_id, "verdict": release.verdict, **release.counts}
    return StepResult(rows, rows, metrics)


JOB = Job("publish_ids", arg_parser, main, reads=("semantic_id_staged",))

if __name__ == "__main__":
    sys.exit(run_job(JOB))
