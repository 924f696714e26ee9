"""Put the answers of a warehouse into docs/sql.md.

Usage: cookbook.py WAREHOUSE

The page shows the embedded catalog of the demo, labelled and with a second codebook:

  semid demo
  semid label-codes --warehouse demo/warehouse
  semid retrain --warehouse demo/warehouse --run-date 2026-01-07
  semid label-codes --warehouse demo/warehouse --run-date 2026-01-07
  python tests/bench/cookbook.py demo/warehouse
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from semid.cli.reader import as_table
from semid.tables.query import Reader, open_reader
from tests.cookbook import PAGE, questions, with_answers


def main(arguments: Sequence[str]) -> int:
    """Write the page anew and return 0."""
    (warehouse,) = arguments
    reader = open_reader(warehouse)
    page = PAGE.read_text(encoding="utf-8")
    answers = {question.title: answer(reader, question.sql) for question in questions(page)}
    PAGE.write_text(with_answers(page, answers), encoding="utf-8")
    return 0


def answer(reader: Reader, sql: str) -> str:
    """Return what `semid sql` prints, without the number of rows."""
    found = reader.ask(sql)
    rows = list(found.rows)
    return as_table(found.columns, rows) if rows else "(no rows)"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
