"""Say how good codes are: the active codebook's IDs, those of another version, or anybody's table of IDs.

Reads: semantic_id, item_catalog, item_embedding, codebook, release; the files of --codes, --pairs and --traffic.
Writes: eval_report (task `codes`).
Exit codes: 0 done, 2 configuration or no such version, 3 a file is refused, 6 stored data.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.job import Context, Job, StepResult, job_parser, run_job
from semid.frames.evaluate import Request, evaluate
from semid.frames.flag_files import fingerprint_of_flags
from semid.report.evaluation import as_text
from semid.tables.evaluation import read_evaluation, write_evaluation

TASK = "codes"


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    parser = job_parser(__doc__)
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--version", metavar="N", type=int, help="codebook version; the active one by default")
    whose.add_argument("--codes", metavar="FILE", help="Parquet of item_id and codes, or level_1, level_2, ...")
    parser.add_argument("--source", metavar="NAME", help="which table of --codes, when its column source has several")
    parser.add_argument("--levels", metavar="N", type=int, help="judge the first N codes only")
    parser.add_argument("--pairs", metavar="FILE", help="Parquet of known same-product pairs: item_id_a, item_id_b")
    parser.add_argument("--traffic", metavar="FILE", help="Parquet with an item_id per interaction: head, mid, tail")
    parser.add_argument("--sample", metavar="N", type=int, default=50_000, help="most contents the driver looks at")
    return parser


def main(ctx: Context) -> StepResult:
    """Measure the codes and write what was found."""
    flags = ctx.flags
    files = {"codes": flags.codes, "pairs": flags.pairs, "traffic": flags.traffic}
    request = Request(flags.version, flags.source, flags.levels, flags.sample, files)
    found = evaluate(ctx.store, ctx.config, request)
    rows = write_evaluation(ctx.store, ctx.run_id, TASK, found.measures, ctx.config.codebook.seed, found.params)
    return StepResult(found.items, rows, found.params)


JOB = Job(
    "evaluate",
    arg_parser,
    main,
    reads=("semantic_id", "item_catalog", "item_embedding", "codebook", "release"),
    inputs=lambda spark, flags: fingerprint_of_flags(
        spark, flags, ("version", "source", "levels", "sample"), ("codes", "pairs", "traffic")
    ),
    show=lambda store, run_id: as_text(read_evaluation(store, run_id, TASK)),
)

if __name__ == "__main__":
    sys.exit(run_job(JOB))
