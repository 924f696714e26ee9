"""Make the IDs of a past date again from its feed; days before it and from the next release on keep their IDs.

Reads: the feed, semantic_id, semantic_id_change, item_catalog, item_embedding, codebook, release.
Writes: item_quarantine, item_embedding, semantic_id_staged, drift_report, semantic_id, semantic_id_change, release.
Exit codes: 0 done or nothing to do, 2 configuration or no past date, 3 feed refused, 4 gate blocked (nothing
published), 5 another run holds the warehouse, 6 stored data fails its check, 7 environment.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.frames.rebuild import audit_past, embed_past, past_feed, serving_on, stage_past
from semid.tables import releases
from semid.tables.past import Audited, past_of, publish_past
from semid.tables.publish import wanted_rows
from semid.tables.staged import staged_rows
from semid.tables.views import save_catalog


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    return job_parser(__doc__, feed=True)


def main(ctx: Context) -> StepResult:
    """Judge the feed, embed what is new, assign, check and publish, all beside the state of that date."""
    store, run_id = ctx.store, ctx.run_id
    past = past_of(releases.load(store), ctx.run_date)
    found = serving_on(store, past, ctx.config)
    with past_feed(store, ctx.config, run_id, past) as feed:
        embedded = embed_past(store, feed, found, ctx.config, run_id)
        staged = stage_past(store, feed, past, run_id)
        verdict = audit_past(store, feed, past, found, ctx.config, run_id)
        audited = Audited(run_id, verdict.status, feed.quarantined)
        rows = staged_rows(store, run_id).drop("run_id")
        release = publish_past(store, audited, past, rows, wanted_rows(feed.items, past.serving))
        save_catalog(store)
        return StepResult(feed.read, staged, {"embedded": embedded, "release_id": release.release_id, **release.counts})


JOB = Job("rebuild_night", arg_parser, main, reads=(), release="backfill")

if __name__ == "__main__":
    sys.exit(run_job(JOB))
