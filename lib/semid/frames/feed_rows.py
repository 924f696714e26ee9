"""The one Arrow pass over a feed: every row is parsed, named by its place, and put to the rules.

Runs in the Python workers. Rows come in the order they lie in, so that counting gives their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from semid.text.clean import cut
from semid.text.lines import Parsed, csv_rows, json_rows
from semid.text.record import Checked, Rules, rejected

MAX_RAW_BYTES = 65_536
_ROWS = 4_000
_BATCH_BYTES = 16 * 2**20

SCHEMA = """
  source_row STRING, raw STRING, item_id STRING, reasons ARRAY<STRING>, title STRING, brand STRING,
  category ARRAY<STRING>, description STRING, price DOUBLE, image_url STRING, attributes MAP<STRING, STRING>,
  text STRING, content_hash STRING, id_key STRING, updated DOUBLE, truncated BOOLEAN, bad_price BOOLEAN,
  embedding ARRAY<FLOAT>"""

_TYPES: dict[str, pa.DataType] = {
    "item_id": pa.string(),
    "reasons": pa.list_(pa.string()),
    "title": pa.string(),
    "brand": pa.string(),
    "category": pa.list_(pa.string()),
    "description": pa.string(),
    "price": pa.float64(),
    "image_url": pa.string(),
    "attributes": pa.map_(pa.string(), pa.string()),
    "text": pa.string(),
    "content_hash": pa.string(),
    "id_key": pa.string(),
    "updated": pa.float64(),
    "truncated": pa.bool_(),
    "bad_price": pa.bool_(),
    "embedding": pa.list_(pa.float32()),
}
assert tuple(_TYPES) == Checked._fields

Batches = Iterator[pa.RecordBatch]
Pass = Callable[[Batches], Batches]


def column_pass(rules: Rules, fields: Sequence[str], base: str) -> Pass:
    """Return the pass over Parquet and Delta rows: columns `file`, `block`, `field_<n>` per field, `raw`.

    Args:
        rules: What is put right and what is refused.
        fields: The fields there are.
        base: Folder of the feed; the files' names are shown below it.
    """

    def run(batches: Batches) -> Batches:
        place = _Places(base)
        for batch in batches:
            columns = [_values(batch.column(f"field_{n}")) for n in range(len(fields))]
            checked = [rules.check(dict(zip(fields, row, strict=True))) for row in zip(*columns, strict=True)]
            files, blocks = batch.column("file").to_pylist(), batch.column("block").to_pylist()
            rows = [place.next(file, block) for file, block in zip(files, blocks, strict=True)]
            yield _batch(rows, batch.column("raw"), checked)

    return run


def line_pass(rules: Rules, columns: Mapping[str, str], header: Sequence[str], base: str) -> Pass:
    """Return the pass over the lines of CSV files (with `header`) or JSON lines (without).

    Args:
        rules: What is put right and what is refused.
        columns: The feed's column of each field.
        header: All columns of the CSV files in order, or nothing for JSON lines.
        base: Folder of the feed; the files' names are shown below it.
    """

    def run(batches: Batches) -> Batches:
        rows: list[str] = []
        raws: list[str] = []
        checked: list[Checked] = []
        size = 0
        for (file, block), lines in groupby(_lines(batches), key=lambda line: line[:2]):
            values = (line[2] for line in lines)
            for row in csv_rows(values, header) if header else json_rows(values):
                rows.append(_place(_relative(file, base), block, row.line))
                raws.append(_storable(row.raw))
                checked.append(_checked(row, rules, columns))
                size += len(row.raw)
                if len(rows) >= _ROWS or size > _BATCH_BYTES:
                    yield _batch(rows, pa.array(raws, pa.string()), checked)
                    rows, raws, checked, size = [], [], [], 0
        if rows:
            yield _batch(rows, pa.array(raws, pa.string()), checked)

    return run


def _checked(row: Parsed, rules: Rules, columns: Mapping[str, str]) -> Checked:
    if row.reasons:
        return rejected(row.values.get(columns["item_id"]), row.reasons)
    return rules.check({field: row.values.get(column) for field, column in columns.items()})


def _lines(batches: Batches) -> Iterator[tuple[str, int, bytes]]:
    for batch in batches:
        yield from zip(*(batch.column(name).to_pylist() for name in ("file", "block", "value")), strict=True)


def _values(column: pa.Array) -> list[Any]:
    if not pa.types.is_list(column.type) or not pa.types.is_floating(column.type.value_type):
        return list(column.to_pylist())
    # 384 floats as Python objects take 10 µs a row, as views of one array under 1.
    flat = column.values.to_numpy(zero_copy_only=False)
    ends = column.offsets.to_numpy()
    valid = column.is_valid().to_pylist()
    return [flat[ends[i] : ends[i + 1]] if valid[i] else None for i in range(len(column))]


def _batch(rows: list[str], raw: pa.Array, checked: list[Checked]) -> pa.RecordBatch:
    columns = zip(*checked, strict=True) if checked else ((),) * len(_TYPES)
    arrays = [pa.array(values, kind) for values, kind in zip(columns, _TYPES.values(), strict=True)]
    return pa.RecordBatch.from_arrays([pa.array(rows, pa.string()), raw, *arrays], ["source_row", "raw", *_TYPES])


class _Places:
    """Counts the rows of each stretch of a file as they pass."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._at: tuple[str, int] | None = None
        self._count = 0

    def next(self, file: str, block: int) -> str:
        if self._at != (file, block):
            self._at, self._count = (file, block), 0
        self._count += 1
        return _place(_relative(file, self._base), block, self._count)


def _place(name: str, block: int, number: int) -> str:
    return f"{name}@{block}:{number}" if block else f"{name}:{number}"


@cache
def _relative(file: str, base: str) -> str:
    path = unquote(file)
    _, found, below = path.partition(base + "/")
    return below if found else path.rsplit("/", 1)[-1]


def _storable(raw: str) -> str:
    # Only a file with lone surrogates as raw bytes could bring one here; Arrow would refuse the batch.
    return cut(raw, MAX_RAW_BYTES)
