"""Read everything the warehouse stores and compare it with what was written: logs, files, checksums, rules of the rows.

Reads:      every file of every table that a retained release needs
Writes:     nothing; it may run beside a night
Exit codes: 0 all is as written, 2 no warehouse on a local disk, 6 something is not, 7 DuckDB's extension is missing
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence

from semid.cli.columns import aligned
from semid.cli.reader import reader_parser
from semid.config import load_config
from semid.errors import ConfigError, SemidError, StoredDataError, escape_controls
from semid.tables.id_rules import number_of_rules
from semid.tables.lock import local_path
from semid.tables.snapshot import warehouse_folder
from semid.tables.verify import Verified, verify_rows, verify_tables

_HEAD = ("table", "commits", "files", "rows", "bytes", "wrong")


def arg_parser() -> argparse.ArgumentParser:
    """Return the command's flags."""
    return reader_parser("verify", __doc__)


def main(argv: Sequence[str] | None = None) -> int:
    """Verify a warehouse, print what was read and return the exit code."""
    flags = arg_parser().parse_args(argv)
    try:
        given = [] if flags.warehouse is None else [f"warehouse={json.dumps(flags.warehouse)}"]
        _verify(load_config(flags.config, given).warehouse)
    except SemidError as error:
        print(error.report(), file=sys.stderr)
        return error.exit_code
    return 0


def _verify(warehouse: str) -> None:
    if local_path(warehouse) is None:
        raise ConfigError(
            "verify reads warehouses on a local disk only",
            where=f"warehouse: {warehouse}",
            next_step="copy it whole to a local disk (aws s3 sync, azcopy, hadoop fs -get), then verify the copy",
        )
    tables = list(verify_tables(warehouse_folder(warehouse), time.time_ns() // 1_000_000))
    broken = verify_rows(warehouse)
    print("\n".join(aligned([_row(table) for table in tables], _HEAD)))
    problems = [problem for table in tables for problem in table.problems]
    if problems or broken:
        print("\n" + "\n".join(map(escape_controls, [*problems, *broken])))
        raise StoredDataError(
            f"{len(problems)} finding(s) in logs and files; {len(broken)} of {number_of_rules()} rules do not hold",
            where=warehouse,
            next_step="docs/runbook.md, A table is damaged; nothing was changed",
        )
    print(f"\nEvery file is as it was written, and all {number_of_rules()} rules of the rows hold.")


def _row(table: Verified) -> tuple[str, ...]:
    numbers = (table.commits, table.files, table.rows, table.bytes, len(table.problems))
    return table.table, *[f"{number:,}" for number in numbers]
