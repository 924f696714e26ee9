"""Print the script that makes the views and functions of a warehouse, for Spark SQL or DuckDB, without Spark.

Reads:      release, and the logs of all tables
Writes:     nothing
Exit codes: 0 done, 2 no warehouse or a wrong schema name, 6 damaged tables, 7 DuckDB's extension is missing

  semid catalog > catalog.sql                    # for spark-sql -i and beeline -i: views of one session
  semid catalog --schema semid > catalog.sql     # kept in a metastore, for a Thrift server's clients
  semid catalog --engine duckdb > catalog.sql    # for the DuckDB shell and its clients

Every publish writes the first one into the warehouse. It holds absolute paths, so write it again after a move or copy.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from semid.cli.reader import read, reader_parser
from semid.errors import ConfigError
from semid.tables.query import Reader
from semid.tables.views import PINNED, render_catalog


def arg_parser() -> argparse.ArgumentParser:
    """Return the command's flags."""
    parser = reader_parser("catalog", __doc__)
    parser.add_argument("--engine", choices=("spark", "duckdb"), default="spark", help="default: spark")
    parser.add_argument("--schema", metavar="NAME", help="keep views and functions in this schema of Spark's metastore")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print the script and return the exit code."""
    flags = arg_parser().parse_args(argv)
    return read(flags, lambda reader: print(_script(reader, flags), end=""))


def _script(reader: Reader, flags: argparse.Namespace) -> str:
    if flags.schema and flags.engine == "duckdb":
        raise ConfigError("--schema is for Spark's metastore", next_step="leave it out, or use --engine spark")
    # What a publish pins, so that the script is the one that it wrote.
    versions = {name: version if name in PINNED else None for name, version in reader.shown.versions.items()}
    return render_catalog(flags.engine, replace(reader.shown, versions=versions), flags.schema)
