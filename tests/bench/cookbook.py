"""Make the warehouse of docs/sql.md, and put its answers into the page.

Usage: cookbook.py FOLDER [--answers]

The embedded catalog with everything that the page asks for: the two nights of `semid demo`, labels, a retrain that is
promoted, labels of its codes, a night that the gate blocks because 150 titles are random characters, and the same night
with the feed corrected. Six minutes on two cores; `--answers` takes the warehouse that is there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[2]))

from semid.cli.main import main as semid
from semid.cli.reader import as_table
from semid.tables.query import Reader, open_reader
from tests.cookbook import PAGE, questions, with_answers

BROKEN, EDITED = 150, 20


def main() -> int:
    """Write the page anew and return 0; return 1 when a command did not end as it should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--answers", action="store_true", help="only the answers")
    flags = parser.parse_args()
    if not flags.answers and not make(flags.folder):
        return 1
    reader = open_reader(str(flags.folder / "warehouse"))
    page = PAGE.read_text(encoding="utf-8")
    answers = {question.title: answer(reader, question.sql) for question in questions(page)}
    PAGE.write_text(with_answers(page, answers), encoding="utf-8")
    return 0


def make(folder: Path) -> bool:
    """Run the commands; tell whether each ended with the exit code that it should have."""
    if semid(["demo", "--folder", str(folder)]):
        return False
    broken = third_feed(folder / "feed", "broken", BROKEN, lambda title: sha256(title.encode()).hexdigest())
    right = third_feed(folder / "feed", "night3", EDITED, lambda title: f"{title} new recipe")
    commands: list[tuple[list[str], int]] = [
        (["label-codes", "--run-date", "2026-01-06"], 0),
        (["retrain", "--shadow", "--run-date", "2026-01-07"], 0),
        (["label-codes", "--version", "2", "--run-date", "2026-01-07"], 0),
        (["promote", "--version", "2", "--run-date", "2026-01-07"], 0),
        (["nightly", "--catalog", broken, "--run-date", "2026-01-08"], 4),
        (["nightly", "--catalog", right, "--run-date", "2026-01-08"], 0),
    ]
    warehouse = ["--warehouse", str(folder / "warehouse")]
    return all(semid([*command, *warehouse]) == code for command, code in commands)


def third_feed(folder: Path, name: str, count: int, edit: Callable[[str], str]) -> str:
    """Write the second night's feed without ten items and the bad rows, the last titles edited; return its path."""
    items = pq.read_table(folder / "night2.parquet")
    items = items.slice(10, len(items) - 13)
    titles = items["title"].to_pylist()
    titles[-count:] = [edit(title) for title in titles[-count:]]
    path = folder / f"{name}.parquet"
    pq.write_table(items.set_column(items.schema.get_field_index("title"), "title", pa.array(titles)), path)
    return str(path)


def answer(reader: Reader, sql: str) -> str:
    """Return what `semid sql` prints, without the number of rows."""
    found = reader.ask(sql)
    rows = list(found.rows)
    return as_table(found.columns, rows) if rows else "(no rows)"


if __name__ == "__main__":
    sys.exit(main())
