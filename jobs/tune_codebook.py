"""Try codebook sizes on a sample, show what each costs and buys, and recommend one with the reason.

Reads: item_catalog, item_embedding.  Writes: eval_report (task `budget`), budget-<run id>.html beside the report.
Exit codes: 0 done, 2 configuration or no setting within --max-codes, 6 stored data, 7 the page cannot be written.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.cli.tuning import TASK, fingerprint_of_tuning, read_grid, shown, write_page
from semid.frames.assign import only_contents_of
from semid.frames.budget import try_settings
from semid.frames.sample import collect_sample, only_sample
from semid.measure.budget import GRID, recommend, trial_measures
from semid.tables.evaluation import write_evaluation
from semid.text.model import fingerprint_of


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    parser = job_parser(__doc__)
    parser.add_argument("--grid", metavar="JSON", help=f"settings, coarse to fine; default {[list(s) for s in GRID]}")
    parser.add_argument("--max-codes", metavar="N", type=int, help="most codes of all levels together")
    parser.add_argument("--sample", metavar="N", type=int, default=100_000, help="most texts that are tried on")
    parser.add_argument("--kind", metavar="KIND", default="rkmeans", help="kind of codebook; residual k-means is fast")
    parser.add_argument("--out", metavar="FOLDER", help="of the page; by default the folder report in the warehouse")
    return parser


def main(ctx: Context) -> StepResult:
    """Fit every setting that the sample can fill, and recommend one."""
    flags, model = ctx.flags, fingerprint_of(ctx.config)
    active = ctx.store.read("item_catalog").where("is_active")
    contents = only_contents_of(ctx.store.read("item_embedding"), active, model)
    x = collect_sample(only_sample(contents, flags.sample, str(ctx.config.codebook.seed)))
    grid, too_large = read_grid(flags, ctx.config.codebook, len(x))
    texts = len(x) if len(x) < flags.sample else contents.count()
    trials = sorted(try_settings(ctx.spark, x, grid), key=lambda trial: (trial.codes, trial.name))
    recommended = recommend(trials, texts, flags.max_codes)
    params = {"kind": flags.kind, "model": model, "sample": len(x), "texts": texts, "max_codes": flags.max_codes}
    params |= {"recommended": recommended.sizes, "reason": recommended.reason, "not_tried": too_large}
    measures = [measure for trial in trials for measure in trial_measures(trial, texts)]
    page = write_page(ctx, trials, texts, recommended)
    rows = write_evaluation(ctx.store, ctx.run_id, TASK, measures, ctx.config.codebook.seed, {**params, "page": page})
    return StepResult(len(x), rows, {**params, "page": page})


JOB = Job(
    "tune_codebook",
    arg_parser,
    main,
    reads=("item_catalog", "item_embedding"),
    inputs=fingerprint_of_tuning,
    show=shown,
)

if __name__ == "__main__":
    sys.exit(run_job(JOB))
