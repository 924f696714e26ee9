"""Show where new items have landed: the prefix each shares with older ones, its neighbours there and their traffic.

Reads:      semantic_id, release; item_catalog with --since; the Parquet file of --traffic
Writes:     the file of --output, if one is named
Exit codes: 0 done (also when no item is new), 2 nothing published or flags that do not fit, 3 the traffic is refused,
            6 damaged tables, 7 environment
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from semid.cli.flags import at_least
from semid.cli.reader import as_table, read, reader_parser
from semid.errors import ConfigError, InputRefused
from semid.nights import day_of
from semid.tables.cold import cold_item, read_traffic
from semid.tables.query import Reader


def arg_parser() -> argparse.ArgumentParser:
    """Return the command's flags."""
    parser = reader_parser("cold-items", __doc__)
    add = parser.add_argument
    add("--traffic", metavar="FILE", type=Path, required=True, help="Parquet with an item_id per interaction")
    add("--since", metavar="YYYY-MM-DD", help="items first seen from then on are new; else those without traffic")
    add("--neighbours", metavar="N", type=at_least(1), default=3, help="most of each item; %(default)s")
    add("--top", metavar="N", type=at_least(1), default=20, help="items to print; %(default)s")
    add("--output", metavar="FILE", type=Path, help="new Parquet file for all of them")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print the items, those with the longest prefix and most traffic there first, and return the exit code."""
    flags = arg_parser().parse_args(argv)
    return read(flags, lambda reader: print(_page(reader, flags)))


def _page(reader: Reader, flags: argparse.Namespace) -> str:
    since = day_of(flags.since, "--since") if flags.since else None
    if flags.output and flags.output.exists():
        raise ConfigError("there is something in the place of the output", where=f"--output {flags.output}")
    found = cold_item(reader, _traffic(flags.traffic), since, flags.neighbours)
    if flags.output:
        pq.write_table(found, flags.output)
    shown = found.sort_by([("depth", "descending"), ("prefix_traffic", "descending"), ("item_id", "ascending")]).slice(
        0, flags.top
    )
    return "\n".join([_head(found, since), as_table(shown.column_names, (row.values() for row in shown.to_pylist()))])


def _head(found: pa.Table, since: date | None) -> str:
    depths = found["depth"].to_pylist()
    counts = ", ".join(
        f"{depths.count(depth):,} share {depth} {'code' if depth == 1 else 'codes'}"
        for depth in sorted(set(depths), reverse=True)
    )
    new = "without traffic" if since is None else f"first seen since {since}"
    return f"{len(found):,} items {new}" + (f": {counts} with an older item" if counts else "")


def _traffic(file: Path) -> pa.Table:
    try:
        return read_traffic(file)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise InputRefused(
            "the file is no table of interactions",
            where=f"--traffic {file}",
            problems=[str(error)],
            next_step="give a Parquet file with a column item_id, a row per interaction",
        ) from error
