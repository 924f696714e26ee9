"""Train a search index that says the ID of the item a query wants, and judge it beside BM25 and dense retrieval.

Reads: semantic_id (open intervals), item_catalog, item_embedding, codebook, release; the table of --queries.
Writes: the folder of --output (a local one): model.safetensors, ids.parquet, params.json, queries.parquet; eval_report
(task `search`). A run that was killed goes on behind its last epoch.
Exit codes: 0 done or nothing to do, 2 configuration or something in the place of the output, 3 the queries are refused,
6 stored data, 7 the release's embedding model or a GPU is missing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.cli.search_flags import NAMES, add_search_flags, search_plan_of
from semid.cli.training_flags import folder_of, training_of
from semid.frames.flag_files import fingerprint_of_flags, read_file
from semid.frames.output_folder import OutputFolder
from semid.frames.retrieval import checkpoint_of
from semid.frames.search import make_queries, read_items, read_queries
from semid.frames.search_training import judged_rivals, train_searcher
from semid.report.evaluation import as_text
from semid.tables.evaluation import read_evaluation, write_evaluation
from semid.tables.serving import active_card

TASK = "search"


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    return add_search_flags(job_parser(__doc__))


def main(ctx: Context) -> StepResult:
    """Make or read queries, judge the others, train, judge, write."""
    flags, store = ctx.flags, ctx.store
    plan, training = search_plan_of(flags), training_of(flags)
    output, card = OutputFolder(ctx.spark, f"file://{folder_of(flags)}", ctx.run_id), active_card(store)
    if not output.is_done():
        items = read_items(store, card)
        if flags.queries is None:
            asked = make_queries(items, flags.per_item, plan.seed)
        else:
            asked = read_queries(items, read_file(ctx.spark, flags.queries), plan.seed)
        found, dense = judged_rivals(store, card, ctx.config, items, asked, training.threads)
        about = {"codebook_version": card.codebook_version, "dense": dense}
        checkpoint = checkpoint_of(Path(output.unfinished.removeprefix("file://")), ctx.run_id)
        found += train_searcher(items, asked, plan, training, checkpoint, about)
        about["flags"] = {name: getattr(flags, name) for name in NAMES}
        write_evaluation(store, ctx.run_id, TASK, found, plan.seed, about)
        output.finish()
    measured = read_evaluation(store, ctx.run_id, TASK)
    counts = {m.metric: int(m.value or 0) for m in measured if m.metric.startswith("queries")}
    return StepResult(counts.pop("queries"), len(measured), {"codebook_version": card.codebook_version, **counts})


JOB = Job(
    "train_search",
    arg_parser,
    main,
    reads=("semantic_id", "item_catalog", "item_embedding", "release"),
    inputs=lambda spark, flags: fingerprint_of_flags(spark, flags, ("output", *NAMES), ("queries",)),
    show=lambda store, run_id: as_text(read_evaluation(store, run_id, TASK)),
    again=True,
)

if __name__ == "__main__":
    sys.exit(run_job(JOB))
