"""Put rows with one field of 50 MB through the ingest's pass, between two good rows; print what came of them.

Usage: python -m tests.measure_field      (a process of its own: the peak is that of the process)
"""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator

import pyarrow as pa

from semid.frames.feed_rows import line_pass
from tests.fuzz import COLUMNS, GOOD, HEADER, ingest_rules

FIELD = 50 * 2**20
BATCH = 10_000
"""Rows of a batch, as spark.sql.execution.arrow.maxRecordsPerBatch has it."""
_MARKUP, _LINE = b"soap &amp; ", b"soap and water, " * 640 + b"\n"
FORMS = {
    "json text": b'{"item_id": "big", "title": "' + _MARKUP * (FIELD // len(_MARKUP)) + b'"}',
    "json list": b'{"item_id": "big", "title": "x", "category": ["' + b'soap and water!","' * (FIELD // 18) + b'x"]}',
    "json number": b'{"item_id": "big", "title": "x", "price": 0.' + b"1" * FIELD + b"}",
    "csv text": b"big," + _MARKUP * (FIELD // len(_MARKUP)) + b",,,,,,,,",
    "csv lines": b'big,"' + _LINE * (FIELD // len(_LINE)) + b'",,,,,,,,',
}


def main() -> None:
    """Print for each form the reasons of its rows and the number of good ones; and the peak beyond the inputs."""
    before, found = _peak(), {name: _found(name) for name in FORMS}
    print(json.dumps({"forms": found, "bytes": _peak() - before}))


def _found(name: str) -> tuple[list[str], int]:
    csv = name.startswith("csv")
    good = (f"{GOOD},Soap{',' * 8}" if csv else json.dumps({"item_id": GOOD, "title": "Soap"})).encode()
    lines = [*([",".join(HEADER).encode()] if csv else []), good, *FORMS[name].split(b"\n"), good]
    reasons: set[str] = set()
    taken = 0
    for batch in line_pass(ingest_rules(), COLUMNS, HEADER if csv else (), "/feed")(_batches(lines)):
        columns = (batch.column(column).to_pylist() for column in ("item_id", "reasons"))
        for item, why in zip(*columns, strict=True):
            taken += (item, why) == (GOOD, [])
            reasons |= set(why) if item != GOOD else set()
    return sorted(reasons), taken


def _batches(lines: list[bytes]) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(lines), BATCH):
        part = lines[start : start + BATCH]
        columns = [pa.array(["/feed/a"] * len(part)), pa.array([0] * len(part)), pa.array(part, pa.binary())]
        yield pa.RecordBatch.from_arrays(columns, ["file", "block", "value"])


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
