"""Everything a warehouse stores, read in full and compared with what was written."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from semid.errors import StoredDataError
from semid.tables.data_files import file_problem, side_file_differs
from semid.tables.delta_log import read_log
from semid.tables.id_rules import broken_rules
from semid.tables.query import open_reader
from semid.tables.snapshot import tables_in

_THREADS = 4


@dataclass(frozen=True)
class Verified:
    """What was found in one table.

    Attributes:
        table: Its name.
        commits: Versions that its log holds.
        files: Files that were read: those of the newest version, and those removed so lately that they must be there.
        rows: Rows of the newest version.
        bytes: Bytes that were read.
        problems: What is wrong, in words, with the file it is wrong in.
    """

    table: str
    commits: int
    files: int
    rows: int
    bytes: int
    problems: tuple[str, ...]


def verify_tables(folder: Path, now_ms: int) -> Iterator[Verified]:
    """Yield what is found in each table of a local warehouse.

    Args:
        folder: The warehouse.
        now_ms: The time in milliseconds: files that were removed longer ago than their table keeps them may be gone.
    """
    for table in tables_in(folder):
        yield verify_table(table, now_ms)


def verify_table(table: Path, now_ms: int) -> Verified:
    """Return what is found in the table of a folder."""
    log = read_log(table)
    files = log.required(now_ms)
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(lambda file: file_problem(table, file, log.columns), files))
    problems = [*log.problems, *_changed_log_files(table)]
    problems += [f"{file.path} {problem}" for file, problem in zip(files, found, strict=True) if problem]
    return Verified(
        table=table.name,
        commits=log.last - log.first + 1,
        files=len(files),
        rows=sum(file.rows or 0 for file in log.live.values()),
        bytes=sum(file.size for file in files),
        problems=tuple(f"{table.name}: {problem}" for problem in problems),
    )


def verify_rows(warehouse: str) -> list[str]:
    """Return the rules that the published rows break, in words; also when they cannot be read at all."""
    try:
        broken = broken_rules(open_reader(warehouse))
    except StoredDataError as error:
        return [f"the tables cannot be opened: {error.what} ({error.where})"]
    return [f"does not hold: {one.rule} ({one.count:,} times, for example {one.example})" for one in broken]


def _changed_log_files(table: Path) -> list[str]:
    files = sorted(file for file in (table / "_delta_log").iterdir() if file.is_file())
    changed = [file.name for file in files if not file.name.startswith(".") and side_file_differs(file)]
    return [f"{name} is not what was written: its checksum file says so" for name in changed]
