"""Make features of the IDs that readers see: prefix n-grams, n-grams, pieces and hashed ids, a row per item.

Reads: semantic_id, codebook, release; the table of --traffic.
Writes: the folder of --output: features (Parquet), vocabularies (Parquet: rows and look-ups of each table), pieces.json
(the tokenizer), params.json.
Exit codes: 0 done or nothing to do, 2 configuration or something in the place of the output, 3 the traffic is refused,
6 stored data.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, fields

from semid.cli.flags import at_least
from semid.cli.job import Context, Job, StepResult, job_parser, run_job, summary
from semid.downstream.features import FeatureParams
from semid.frames.features import to_features, to_pieces, to_vocabularies
from semid.frames.flag_files import fingerprint_of_flags, read_file
from semid.frames.foreign_codes import read_traffic
from semid.frames.output_folder import OutputFolder
from semid.tables.intervals import only_open
from semid.tables.serving import active_card
from semid.tables.store import to_json

SIZES = {
    "prefix_rows": "most rows per depth of the prefix n-grams",
    "n": "codes per n-gram",
    "ngram_rows": "most rows per group of the n-grams",
    "piece_rows": "rows of the pieces (byte-pair encoding)",
    "hashed_rows": "rows of the hashed item ids",
}


def arg_parser() -> argparse.ArgumentParser:
    """Return the job's flags."""
    parser = job_parser(__doc__)
    parser.add_argument("--output", metavar="DIR", required=True, help="new folder for the features")
    parser.add_argument(
        "--traffic", metavar="FILE", help="Parquet or Delta, an item_id per interaction: pieces count it"
    )
    for size in fields(FeatureParams):
        flag, told = f"--{size.name.replace('_', '-')}", f"{SIZES[size.name]}; %(default)s"
        parser.add_argument(flag, metavar="N", type=at_least(1), default=size.default, help=told)
    return parser


def main(ctx: Context) -> StepResult:
    """Train the pieces, make the features, write both."""
    flags, output = ctx.flags, OutputFolder(ctx.spark, ctx.flags.output, ctx.run_id)
    card = active_card(ctx.store)
    params = FeatureParams(**{name: getattr(flags, name) for name in SIZES})
    ids = only_open(ctx.store.read("semantic_id"), [card.codebook_version]).select("item_id", "codes").persist()
    if not output.is_done():
        traffic = read_traffic(read_file(ctx.spark, flags.traffic)) if flags.traffic else None
        pieces = to_pieces(ids, traffic, card.codebook_sizes, params.piece_rows)
        made = to_features(ids, pieces, params).persist()
        output.write(made, "features")
        output.write(to_vocabularies(made, pieces, params).coalesce(1), "vocabularies")
        output.write_text(pieces.tokenizer, "pieces.json")
        about = {"codebook_version": card.codebook_version, "sizes": card.codebook_sizes, **asdict(params)}
        output.write_text(to_json(about), "params.json")
        made.unpersist()
        output.finish()
    tables = {row.feature: row.table_rows for row in output.read("vocabularies").collect()}
    read, written = ids.count(), output.read("features").count()
    ids.unpersist()
    return StepResult(read, written, tables)


JOB = Job(
    "build_features",
    arg_parser,
    main,
    reads=("semantic_id", "release"),
    inputs=lambda spark, flags: fingerprint_of_flags(spark, flags, ("output", *SIZES), ("traffic",)),
    show=summary,
    again=True,
)

if __name__ == "__main__":
    sys.exit(run_job(JOB))
