"""What the commands that read without Spark share: their flags, the warehouse, aligned tables."""

from __future__ import annotations

import argparse
import json
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from semid.config import load_config
from semid.errors import SemidError, escape_controls
from semid.tables.query import Reader, open_reader

_WIDEST = 60


def reader_parser(command: str, doc: str | None) -> argparse.ArgumentParser:
    """Return a parser of `semid <command>` with the flags that say where the warehouse is."""
    parser = argparse.ArgumentParser(
        f"semid {command}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file that overrides the defaults")
    parser.add_argument("--warehouse", metavar="DIR", help="folder of the tables")
    return parser


def read(flags: argparse.Namespace, answer: Callable[[Reader], None]) -> int:
    """Open the warehouse that the flags name, let `answer` print from it, and return the exit code."""
    try:
        given = [] if flags.warehouse is None else [f"warehouse={json.dumps(flags.warehouse)}"]
        answer(open_reader(load_config(flags.config, given).warehouse))
        sys.stdout.flush()
    except SemidError as error:
        print(error.report(), file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain again when it closes stdout.
        sys.stdout = None
    return 0


def as_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as a table for a terminal: numbers right, long values cut, control characters escaped."""
    body = [[_cell(value) for value in row] for row in rows]
    grid = [list(columns), *[[text for text, _ in row] for row in body]]
    widths = [max(width(row[i]) for row in grid) for i in range(len(columns))]
    right = [bool(body) and all(number for _, number in cells) for cells in zip(*body, strict=True)] or [False] * len(
        columns
    )
    rule = ["-" * room for room in widths]
    return "\n".join(_line(row, widths, right) for row in [grid[0], rule, *grid[1:]])


def plain(value: Any) -> Any:
    """Return a value of a table as what JSON can hold."""
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value)


def _cell(value: Any) -> tuple[str, bool]:
    number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if value is None:
        return "", True
    if isinstance(value, float):
        return f"{value:.6g}", True
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S"), False
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>", False
    text = json.dumps(plain(value), ensure_ascii=False) if isinstance(value, dict | list | tuple) else str(value)
    text = escape_controls(text)
    return (text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"), number


def width(text: str) -> int:
    """Return the columns that a text takes on a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, columns: int) -> str:
    """Return a text that takes at most so many columns, with … for what is left out."""
    if width(text) <= columns:
        return text
    while width(text) >= columns:
        text = text[:-1]
    return f"{text}…"


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = []
    for text, room, to_right in zip(cells, widths, right, strict=True):
        blanks = " " * (room - width(text))
        padded.append(blanks + text if to_right else text + blanks)
    return "  ".join(padded).rstrip()
