"""Answer one SELECT on the warehouse, without Spark.

Reads:      every table and view of the warehouse, at its newest published release
Writes:     nothing
Exit codes: 0 done, 2 wrong query or no warehouse, 6 damaged tables, 7 DuckDB's extension is missing

  semid sql "SELECT item_id, semantic_id FROM semantic_id_current LIMIT 5"
  semid sql "SELECT * FROM semantic_id_as_of('2026-01-31')" --format csv > ids.csv
  semid sql "SELECT sid_prefix(semantic_id, 1) AS shelf, count(*) FROM semantic_id_current GROUP BY 1"
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from semid.cli.reader import as_table, plain, read, reader_parser
from semid.tables.query import Reader

_TABLE_ROWS = 100
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def arg_parser() -> argparse.ArgumentParser:
    """Return the command's flags."""
    parser = reader_parser("sql", __doc__)
    parser.add_argument("query", help="one SELECT; - reads it from the standard input")
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table", help="default: table")
    parser.add_argument(
        "--limit",
        type=_count,
        metavar="N",
        help=f"rows to print, 0 for all; default: {_TABLE_ROWS} in a table, else all",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print the answer to a query and return the exit code."""
    flags = arg_parser().parse_args(argv)
    sql = sys.stdin.read() if flags.query == "-" else flags.query
    return read(flags, lambda reader: _answer(reader, sql, flags))


def _answer(reader: Reader, sql: str, flags: argparse.Namespace) -> None:
    answer = reader.ask(sql)
    limit = (_TABLE_ROWS if flags.format == "table" else 0) if flags.limit is None else flags.limit
    write = {"table": _write_table, "csv": _write_csv, "json": _write_json}[flags.format]
    write(answer.columns, islice(answer.rows, limit) if limit else answer.rows)
    if limit and next(answer.rows, None) is not None:
        print(f"semid: only the first {limit} rows are shown; --limit 0 shows all", file=sys.stderr)


def _write_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    shown = list(rows)
    print(as_table(columns, shown))
    print(f"({len(shown)} row{'' if len(shown) == 1 else 's'})")


def _write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([_harmless(name) for name in columns])
    writer.writerows([_field(value) for value in row] for row in rows)


def _write_json(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    names = list(_distinct(columns))
    before = "["
    for row in rows:
        record = dict(zip(names, map(plain, row), strict=True))
        print(f"{before}\n  {json.dumps(record, ensure_ascii=False, allow_nan=False)}", end="")
        before = ","
    print("\n]" if before == "," else "[]")


def _field(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, dict | list | tuple):
        return json.dumps(plain(value), ensure_ascii=False)
    if isinstance(value, str):
        return _harmless(value)
    return value if isinstance(value, int | float) else plain(value)


def _harmless(text: str) -> str:
    # Spreadsheets run a cell that starts like a formula: =cmd() in a title would act on its reader's machine.
    return f"'{text}" if text.startswith(_FORMULA) else text


def _distinct(names: Sequence[str]) -> Iterator[str]:
    # JSON keeps one value per key: of two columns named alike the second becomes name_2.
    seen: set[str] = set()
    for name in names:
        candidate, number = name, 1
        while candidate in seen:
            number += 1
            candidate = f"{name}_{number}"
        seen.add(candidate)
        yield candidate


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number
