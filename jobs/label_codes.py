"""Name the codes: terms, label, exemplars and purity of every prefix with enough items, under one codebook version.

Reads: semantic_id, item_catalog, item_embedding, codebook, release; code_label_answer with labels.labeller.
Writes: code_label (the version's rows, in one commit); code_label_answer with labels.labeller.
Exit codes: 0 done or nothing to do, 2 configuration or nothing published yet, 5 another run holds the warehouse,
6 stored data fails its check, 7 environment.
"""

from __future__ import annotations

import argparse
import sys

from pyspark.sql import functions as F

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.frames.code_labels import to_code_labels
from semid.frames.labeller import to_answers, with_answers, with_samples
from semid.frames.labels import to_members
from semid.frames.terms import stop_words
from semid.tables import registry
from semid.tables.code_label import answers_of, replace_labels, version_to_label
from semid.tables.intervals import only_open


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    parser = job_parser(__doc__)
    parser.add_argument("--version", metavar="VERSION", type=int, help="codebook version; the active one by default")
    return parser


def main(ctx: Context) -> StepResult:
    """Count, score, name and write."""
    store, config = ctx.store, ctx.config.labels
    version = version_to_label(store, ctx.flags.version)
    card = next(card for card in registry.cards(store) if card.codebook_version == version)
    ids, catalog = only_open(store.read("semantic_id"), [version]), store.read("item_catalog")
    vectors = store.read("item_embedding").where(F.col("model") == card.model).select("content_hash", "embedding")
    stop = {*stop_words(ctx.spark, config.stop_words), *config.measures}
    members = to_members(ids, catalog, stop).persist()
    rows = labelled = to_code_labels(members, vectors, config).persist()
    if config.labeller is not None:
        told = with_samples(rows, catalog)
        new = told.join(answers_of(store, config.labeller), "question", "left_anti")
        store.append(to_answers(new, config.labeller, ctx.run_id), "code_label_answer")
        rows = with_answers(rows, told, answers_of(store, config.labeller))
    read, written = members.count(), replace_labels(store, rows, version)
    for cached in (members, labelled):
        cached.unpersist()
    return StepResult(read, written, {"codebook_version": version})


JOB = Job(
    "label_codes",
    arg_parser,
    main,
    reads=("semantic_id", "item_catalog", "item_embedding", "release"),
    inputs=lambda _spark, flags: str(flags.version or ""),
)

if __name__ == "__main__":
    sys.exit(run_job(JOB))
