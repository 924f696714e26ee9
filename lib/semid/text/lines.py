"""Reading the lines of a feed: JSON lines and CSV, with a reason for every line that is not a row.

Both readers give physical line numbers, so that a row can be found again, and never let one bad line
take its neighbours with it.
"""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from semid.text.record import NOT_A_NUMBER, Decimal

BOM = b"\xef\xbb\xbf"
# A quote that is never closed would take the rest of the file into one field.
MAX_RECORD_BYTES = 16 * 2**20
MAX_RECORD_LINES = 10_000
# Bytes that may be read again before any was read for good: one and a half seconds of the shortest lines.
_FIRST_CREDIT = 4 * 2**20


class Parsed(NamedTuple):
    """One row of a feed.

    Attributes:
        line: Number of its first line, from 1.
        values: The row by the feed's column names; what could be read of it when there are reasons.
        reasons: Why it is not a row.
        raw: The row as JSON.
    """

    line: int
    values: dict[str, Any]
    reasons: list[str]
    raw: str


class _DuplicateKeyError(ValueError):
    """A JSON object has a key twice."""


def json_rows(lines: Iterable[bytes]) -> Iterator[Parsed]:
    """Return the rows of JSON lines; blank lines are none."""
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if number == 1:
            stripped = stripped.removeprefix(BOM)
        if stripped:
            yield _json_row(number, stripped)


def csv_rows(lines: Iterable[bytes], header: Sequence[str]) -> Iterator[Parsed]:
    """Return the rows of a CSV file (comma, double quotes, quoted line breaks), whose header is in `lines`."""
    feeder = _Feeder(lines)
    reader = csv.reader(feeder, strict=True)
    csv.field_size_limit(2 * MAX_RECORD_BYTES)
    while True:
        feeder.start_record()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            # Only the first line is given up: a quote left open must not swallow the good rows behind it.
            feeder.push_back()
            reader = csv.reader(feeder, strict=True)
            fields = None
        if feeder.first == 1 or fields == []:
            continue
        yield _csv_row(feeder, fields, header)


def csv_header(lines: Iterable[bytes]) -> list[str]:
    """Return the column names of a CSV file.

    Raises:
        ValueError: The file is empty, or its first line is not text or not a CSV header.
    """
    feeder = _Feeder(lines)
    try:
        header = next(csv.reader(feeder, strict=True))
    except StopIteration:
        raise ValueError("it is empty") from None
    except csv.Error as error:
        raise ValueError(f"its header is no CSV: {error}") from None
    if feeder.bad_encoding or any("\0" in name for name in header):
        raise ValueError("it is not UTF-8 text")
    return header


def _json_row(number: int, line: bytes) -> Parsed:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return Parsed(number, {}, ["bad_encoding"], json.dumps(line.decode(errors="backslashreplace")))
    try:
        row, reasons = _decode(text)
        # Only an escape can bring a lone surrogate; the search spares the others the look at every value.
        if "\\ud" in text.lower() and not _encodable(row):
            reasons = ["bad_unicode", *reasons]
    except (ValueError, RecursionError):
        return Parsed(number, {}, ["malformed_record"], json.dumps(text, ensure_ascii=False))
    if not isinstance(row, dict):
        return Parsed(number, {}, ["malformed_record"], text)
    return Parsed(number, row, reasons, text)


def _decode(text: str) -> tuple[Any, list[str]]:
    try:
        return _STRICT.decode(text), []
    except _DuplicateKeyError:
        # What follows the second key is read here for the first time: it may be malformed, or nested too deeply.
        return _LENIENT.decode(text), ["duplicate_key"]


def _encodable(row: Any) -> bool:
    try:
        json.dumps(row, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return False
    return True


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise _DuplicateKeyError
    return row


def _not_a_number(_: str) -> Any:
    return NOT_A_NUMBER


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_float=Decimal, parse_constant=_not_a_number)
_LENIENT = json.JSONDecoder(parse_float=Decimal, parse_constant=_not_a_number)


class _Feeder:
    """Hands lines to the CSV reader, remembers those of the current record, and can take them back.

    A line such as `x","` leaves a quote open wherever it stands. With 10,000 lines read again for each of them,
    20,000 of them did not end in 10 s; so what is read again is paid for by what was read for good.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._waiting: deque[bytes] = deque()
        self._taken: list[bytes] = []
        self._bytes = 0
        self._credit = _FIRST_CREDIT
        self.first = 1
        self.bad_encoding = False

    def start_record(self) -> None:
        self.first += len(self._taken)
        self._credit += self._bytes
        self._taken, self._bytes, self.bad_encoding = [], 0, False

    def push_back(self) -> None:
        """Keep the record's first line only; the others are read again."""
        self._waiting.extendleft(reversed(self._taken[1:]))
        self._taken = self._taken[:1]
        kept = sum(map(_cost, self._taken))
        self._credit -= self._bytes - kept
        self._bytes = kept
        self.bad_encoding = _decoded(self._taken[0])[1] if self._taken else False

    def raw(self) -> str:
        return "".join(_decoded(line)[0] for line in self._taken)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._lines)
        if self.first == 1 and not self._taken:
            line = line.removeprefix(BOM)
        self._taken.append(line)
        self._bytes += _cost(line)
        most = min(MAX_RECORD_BYTES, max(self._credit, _cost(self._taken[0])))
        if len(self._taken) > MAX_RECORD_LINES or self._bytes > most:
            raise csv.Error("a quote is not closed")
        text, bad = _decoded(line)
        self.bad_encoding = self.bad_encoding or bad
        return text


def _cost(line: bytes) -> int:
    return len(line) + 1


def _decoded(line: bytes) -> tuple[str, bool]:
    try:
        return line.decode() + "\n", False
    except UnicodeDecodeError:
        return line.decode(errors="backslashreplace") + "\n", True


def _csv_row(feeder: _Feeder, fields: list[str] | None, header: Sequence[str]) -> Parsed:
    if fields is None or len(fields) != len(header):
        values = dict(zip(header, fields or [], strict=False))
        return Parsed(feeder.first, values, ["ragged_row"], json.dumps(feeder.raw().rstrip("\r\n"), ensure_ascii=False))
    values = dict(zip(header, fields, strict=True))
    reasons = ["bad_encoding"] if feeder.bad_encoding else []
    return Parsed(feeder.first, values, reasons, json.dumps(values, ensure_ascii=False))
