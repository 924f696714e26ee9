"""Re-rank slates for diversity: relevance less what an item repeats of the codes of those shown just before it.

Reads: semantic_id, codebook, release; item_embedding with --gamma; the table of --slates.
Writes: the folder of --output, Parquet: slate_id, position, item_id, relevance, source_position.
Exit codes: 0 done or nothing to do, 2 configuration or something in the place of the output, 3 the slates are refused,
6 stored data.
"""

from __future__ import annotations

import argparse
import sys

from semid.cli.flags import at_least, non_negative
from semid.cli.job import Context, Job, StepResult, job_parser, run_job, summary
from semid.downstream.slates import SlateParams
from semid.frames.flag_files import fingerprint_of_flags, read_file
from semid.frames.output_folder import OutputFolder
from semid.frames.slates import counts, reranked, to_candidates, to_slates, with_codes, with_vectors
from semid.tables.serving import active_card

USUAL = SlateParams()


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    parser = job_parser(__doc__)
    add = parser.add_argument
    add("--slates", metavar="FILE", required=True, help="Parquet or Delta: slate_id, item_id, relevance (or rank)")
    add("--output", metavar="DIR", required=True, help="new folder for the re-ranked slates")
    add("--length", metavar="N", type=at_least(1), default=USUAL.length, help="positions to fill; %(default)s")
    add(
        "--window", metavar="N", type=at_least(1), default=USUAL.window, help="positions before that count; %(default)s"
    )
    weight = "of codes repeated, in standard deviations of relevance; %(default)s"
    add("--prefix-weight", metavar="X", type=non_negative, default=USUAL.prefix_weight, help=weight)
    add(
        "--gamma",
        metavar="X",
        type=non_negative,
        default=USUAL.gamma,
        help="of new directions, by vectors; %(default)s",
    )
    return parser


def main(ctx: Context) -> StepResult:
    """Read the slates, look up their codes, re-rank, write."""
    flags, store, output = ctx.flags, ctx.store, OutputFolder(ctx.spark, ctx.flags.output, ctx.run_id)
    card = active_card(store)
    params = SlateParams(flags.length, flags.window, flags.prefix_weight, flags.gamma)
    candidates = to_candidates(read_file(ctx.spark, flags.slates))
    candidates = with_codes(candidates, store, card.codebook_version, len(card.codebook_sizes)).persist()
    if not output.is_done():
        known = with_vectors(candidates, store, card) if params.gamma else candidates
        output.write(reranked(to_slates(known), params))
        output.finish()
    found = counts(candidates)
    candidates.unpersist()
    return StepResult(found.pop("candidates"), output.read().count(), found)


JOB = Job(
    "rerank_slates",
    arg_parser,
    main,
    reads=("semantic_id", "item_embedding", "release"),
    inputs=lambda spark, flags: fingerprint_of_flags(
        spark, flags, ("output", "length", "window", "prefix_weight", "gamma"), ("slates",)
    ),
    show=summary,
    again=True,
)

if __name__ == "__main__":
    sys.exit(run_job(JOB))
