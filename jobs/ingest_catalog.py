"""Take a feed into the item catalog: check every row, set the bad ones aside, write what differs.

Reads: the feed and its image files, item_catalog. Of a feed that was taken in before (`same_feed`): its bytes, run,
item_quarantine.
Writes: item_quarantine, item_catalog; item_embedding when the feed brings the vectors.
Exit codes: 0 done or nothing to do, 2 configuration, 3 feed refused (nothing was written), 5 another run holds
the warehouse.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.frames import changes, intake, supplied
from semid.frames.illustrate import illustrated
from semid.frames.ingest import open_feed, refuse_changed
from semid.tables import catalog, same_feed
from semid.text.model import fingerprint_of


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    return job_parser(__doc__, feed=True)


def main(ctx: Context) -> StepResult:
    """Read the feed, judge its rows, and write the difference to the stored catalog."""
    config, store = ctx.config, ctx.store
    rules = intake.rules_of(config)
    feed = open_feed(ctx.spark, config, rules.template)
    marks = {"feed_fingerprint": feed.fingerprint, "feed_file": feed.only_file}
    if then := same_feed.taken_before(store, config, feed.contents, feed.only_file, ctx.run_id):
        return StepResult(then.rows_in, 0, {**then.metrics, **intake.NO_CHANGE, **marks, "same_feed_as": then.run_id})
    model = fingerprint_of(config) if rules.supplied else None  # refuses images beside supplied vectors
    begun = store.version("item_catalog")
    stored = store.read("item_catalog", begun)
    dim = catalog.stored_dim(store, model) if model else None
    with intake.judged_rows(ctx.spark, feed, rules, dim) as judged:
        counts = intake.count_rows(judged)
        intake.refuse_bad_feed(judged.rows, counts, config.catalog)
        with (
            illustrated(judged.rows, stored, config.images) as found,
            changes.held_differences(found.rows, stored, config.catalog.mode) as differences,
        ):
            changed = intake.count_changes(differences)
            intake.refuse_shrunken(changed, stored, config.catalog)
            refuse_changed(ctx.spark, feed, config)
            bad = found.to_quarantine(ctx.run_id)
            catalog.replace_quarantine(store, bad, ctx.run_id, counts.quarantined + found.unreadable)
            if model:
                supplied.append_supplied_vectors(store, changes.only_good(found.rows), model, ctx.run_id)
            written = changes.to_written_rows(found.rows, differences, stored, ctx.run_id, ctx.run_date)
            total = catalog.merge_items(store, written, changed)
    taken = same_feed.taken_as(store, config, feed.contents, begun + (total > 0))
    metrics = {**changed, **found.metrics(), **counts.metrics(), **marks, "taken_as": taken}
    return StepResult(counts.read, total, metrics)


JOB = Job("ingest_catalog", arg_parser, main, reads=())

if __name__ == "__main__":
    sys.exit(run_job(JOB))
