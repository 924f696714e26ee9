"""Train a generator that says the ID of a user's next item, and judge it on what users took next.

Reads: semantic_id (all intervals), codebook, release; the table of --interactions.
Writes: the folder of --output (a local one): model.safetensors, ids.parquet, params.json, sequences and history_lengths
(Parquet); eval_report (task `retrieval`). A run that was killed goes on behind its last epoch.
Exit codes: 0 done or nothing to do, 2 configuration or something in the place of the output, 3 the interactions are
refused, 6 stored data.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.cli.training_flags import NAMES, add_training_flags, days_of, folder_of, plan_of, training_of
from semid.frames.flag_files import fingerprint_of_flags, read_file
from semid.frames.output_folder import OutputFolder
from semid.frames.retrieval import checkpoint_of, read_sequences, to_corpus, train_retriever
from semid.frames.sequences import to_events, to_history_lengths
from semid.report.evaluation import as_text
from semid.tables.evaluation import read_evaluation, write_evaluation
from semid.tables.serving import active_card

TASK = "retrieval"


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    return add_training_flags(job_parser(__doc__))


def main(ctx: Context) -> StepResult:
    """Make sequences, train, judge, write."""
    flags, store = ctx.flags, ctx.store
    plan, training, days = plan_of(flags), training_of(flags), days_of(flags)
    output, card = OutputFolder(ctx.spark, f"file://{folder_of(flags)}", ctx.run_id), active_card(store)
    if not output.is_done():
        sequences = read_sequences(store, card, to_events(read_file(ctx.spark, flags.interactions)), days)
        output.write(sequences.rows, "sequences")
        output.write(to_history_lengths(sequences.rows).coalesce(1), "history_lengths")
        split = [str(day) for day in days or ()] or "leave-one-out"
        about = {"codebook_version": card.codebook_version, "split": split}
        checkpoint = checkpoint_of(Path(output.unfinished.removeprefix("file://")), ctx.run_id)
        found = train_retriever(ctx.spark, to_corpus(sequences), plan, training, checkpoint, about)
        about["flags"] = {name: getattr(flags, name) for name in NAMES}
        write_evaluation(store, ctx.run_id, TASK, found, plan.seed, about)
        output.finish()
    users, measures = output.read("sequences").count(), len(read_evaluation(store, ctx.run_id, TASK))
    return StepResult(users, measures, {"codebook_version": card.codebook_version})


JOB = Job(
    "train_retrieval",
    arg_parser,
    main,
    reads=("semantic_id", "release"),
    inputs=lambda spark, flags: fingerprint_of_flags(spark, flags, ("output", *NAMES), ("interactions",)),
    show=lambda store, run_id: as_text(read_evaluation(store, run_id, TASK)),
    again=True,
)

if __name__ == "__main__":
    sys.exit(run_job(JOB))
