"""JSON lines and CSV: one bad line never takes its neighbours with it."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.text import lines
from semid.text.lines import MAX_RECORD_LINES, Parsed, csv_header, csv_rows, json_rows

CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n"), max_size=8)


def rows_of(text: bytes, header: str = "a,b") -> list[Parsed]:
    return list(csv_rows(text.split(b"\n"), header.split(",")))


def reasons_of(text: bytes) -> list[tuple[int, list[str]]]:
    return [(row.line, row.reasons) for row in rows_of(text)]


def test_csv_quoted_newline_and_bom() -> None:
    """A line break inside quotes is data, a BOM is not, and rows are numbered by their first line."""
    first, second = rows_of(b'\xef\xbb\xbfa,b\r\n1,"x\r\ny"\r\n2,z\r\n')
    assert (first.line, first.values) == (2, {"a": "1", "b": "x\r\ny"})
    assert (second.line, second.values) == (4, {"a": "2", "b": "z"})


def test_csv_unclosed_quote_costs_one_row() -> None:
    """A quote that is never closed spoils its own line; the rows behind it are read."""
    assert reasons_of(b'a,b\n1,"x\n2,y\n3,z') == [(2, ["ragged_row"]), (3, []), (4, [])]


def test_csv_unclosed_quote_in_a_long_file() -> None:
    """The search for the closing quote ends after 10,000 lines."""
    lines = [b"a,b", b'0,"open', *[b"%d,x" % n for n in range(MAX_RECORD_LINES + 50)]]
    rows = list(csv_rows(lines, ["a", "b"]))
    assert len(rows) == MAX_RECORD_LINES + 51
    assert [row.line for row in rows if row.reasons] == [2]


def test_csv_ragged_rows() -> None:
    """Too many fields, too few, and text behind a closing quote are ragged; a lone inch sign is data."""
    found = reasons_of(b'a,b\n1,2,3\n4\n5,"q"x\n6,12" pipe')
    assert found == [(2, ["ragged_row"]), (3, ["ragged_row"]), (4, ["ragged_row"]), (5, [])]


def test_csv_bad_encoding() -> None:
    """A line that is not UTF-8 is set aside, with its bytes shown."""
    (row, good) = rows_of(b"a,b\n1,caf\xe9\n2,ok")
    assert row.reasons == ["bad_encoding"]
    assert "xe9" in row.raw
    assert good.reasons == []


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=5))
def test_csv_agrees_with_the_csv_module(cells: list[tuple[str, str]]) -> None:
    """What Python's own writer writes is read back, cell by cell."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *cells])
    found = [tuple(row.values.values()) for row in rows_of(text.getvalue().encode())]
    assert found == cells


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=80))
def test_no_bytes_raise(data: bytes) -> None:
    """Any bytes give rows or reasons, each with JSON that can be stored."""
    lines = data.split(b"\n")
    for row in [*csv_rows([b"a,b", *lines], ["a", "b"]), *json_rows(lines)]:
        row.raw.encode()


@pytest.mark.parametrize("text", [b"", b"a,\xff", b"a,\x00"])
def test_csv_header_refuses(text: bytes) -> None:
    """A file that is empty or no text has no header."""
    with pytest.raises(ValueError, match="it is"):
        csv_header(text.split(b"\n") if text else [])


@pytest.mark.parametrize(
    ("line", "reasons"),
    [
        (b'{"a": 1}', []),
        (b'{"a": ', ["malformed_record"]),
        (b"[1]", ["malformed_record"]),
        (b"null", ["malformed_record"]),
        (b"{'a': 1}", ["malformed_record"]),
        (b'{"a": ' + b"[" * 100_000, ["malformed_record"]),
        (b'{"a": "\xff"}', ["bad_encoding"]),
        (b'{"a": "\\ud800"}', ["bad_unicode"]),
        (b'{"a": "\\ud83d\\ude00"}', []),
        (b'{"a": "C:\\\\udisk"}', []),
        (b'{"a": 1, "a": 2}', ["duplicate_key"]),
        (b'{"b": {"a": 1, "a": 2}}', ["duplicate_key"]),
    ],
)
def test_json_lines(line: bytes, reasons: list[str]) -> None:
    """Every way in which a line is no row has its reason."""
    (row,) = json_rows([line])
    assert row.reasons == reasons
    json.dumps(row.raw).encode()


def test_json_numbers_keep_their_writing() -> None:
    """1e3 stays 1e3: a float would print 1000.0. Blank lines are no rows, and a BOM is no data."""
    (row,) = json_rows([b'\xef\xbb\xbf{"a": 1e3}', b" "])
    assert row.values["a"] == "1e3"


@pytest.mark.parametrize(
    "rest",
    [b"[" * 100_000, b"9" * 5000, b"[" * 992 + b"]" * 992 + b', "c": "\\ud800"'],
    ids=["nesting", "digits", "both"],
)
def test_what_follows_a_second_key_is_read_with_care(rest: bytes) -> None:
    """A key given twice makes the line be read once more, past the place where the first reading stopped."""
    (row, good) = json_rows([b'{"x": {"a": 1, "a": 1}, "y": ' + rest + b"}", b'{"a": 1}'])
    assert row.reasons == ["malformed_record"]
    assert good.reasons == []


def test_a_list_with_a_second_key_is_no_row() -> None:
    """The values of a row are by column name, whatever the line holds."""
    (row,) = json_rows([b'[{"a": 1, "a": 1}]'])
    assert (row.reasons, row.values) == (["malformed_record"], {})


@pytest.mark.parametrize("line", [b'x","', b'",""', b'"a'])
def test_quotes_left_open_on_every_line_cost_no_more_than_the_file(
    line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read again is bounded by what was read before and the first credit, not by lines times 10,000."""
    read = 0

    def counted(text: bytes) -> tuple[str, bool]:
        nonlocal read
        read += len(text) + 1
        return decoded(text)

    decoded = lines._decoded
    monkeypatch.setattr(lines, "_decoded", counted)
    monkeypatch.setattr(lines, "_FIRST_CREDIT", 20_000)
    file = [b"a,b", *[line] * 3000, b"1,2"]
    rows = list(csv_rows(file, ["a", "b"]))
    assert rows[-1].values == {"a": "1", "b": "2"} or line == b'"a'
    size = sum(len(text) + 1 for text in file)
    assert read < 20_000 + 5 * size
