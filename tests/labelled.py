"""A warehouse with labelled codes, written by delta-rs: what reads labels needs no JVM to be tested.

Item x was removed on the day of the only release. Codebook 1 is active and labelled, codebook 2 was retrained from it, is served beside it and has no labels.

| item | codes under 1 | codes under 2 |
|---|---|---|
| a, b, c | 4-0, 4-0, 4-1 | 7-0 |
| d, e | 5-2, 5-3 | 8-0, 9-0 |
| f; g, h, i | 10-0 | 9-0; none |
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

HOSTILE = "<script>alert('x')</script>"
CODES = {
    1: {
        "a": (4, 0),
        "b": (4, 0),
        "c": (4, 1),
        "d": (5, 2),
        "e": (5, 3),
        "f": (10, 0),
        "g": (10, 0),
        "h": (10, 0),
        "i": (10, 0),
    },
    2: {"a": (7, 0), "b": (7, 0), "c": (7, 0), "d": (8, 0), "e": (9, 0), "f": (9, 0)},
}
TITLES = {
    "a": "Green tea",
    "b": HOSTILE,
    "c": "Black tea \x1b[31m",
    "d": "Soap",
    "e": None,
    "f": "日本茶",
    "g": "g",
    "h": "h",
    "i": "i",
}
LABELS = [
    ("4", 1, f"tea, {HOSTILE}", ["tea", "leaf"], ["a", "b"], 3, 0.75),
    ("5", 1, "soap", ["soap"], ["e"], 2, None),
    ("4-0", 2, "green tea", ["green tea"], ["b"], 2, 1.0),
]


def build(folder: Path, labelled: bool = True) -> str:
    """Write the warehouse and return its folder; without labels its label tables are not there at all."""
    _write(folder, "release", [_release()])
    ids = [_id(version, item, codes) for version in CODES for item, codes in CODES[version].items()]
    _write(folder, "semantic_id", [*ids, _removed()])
    _write(folder, "semantic_id_change", [{"release_id": 1}])
    _write(folder, "codebook", [{"codebook_version": version, "model": "m"} for version in CODES])
    _write(folder, "item_catalog", [{"item_id": item, "title": title} for item, title in TITLES.items()])
    vectors = [[float(i), float(i % 2), 1.0] for i in range(len(TITLES))]
    rows = [{"content_hash": f"h{i}", "model": "m", "embedding": x} for i, x in zip(TITLES, vectors, strict=True)]
    _write(folder, "item_embedding", rows)
    if labelled:
        _write(folder, "code_label", [_label(row) for row in LABELS])
        _write(folder, "code_map", _map())
    return str(folder)


def _release() -> dict[str, Any]:
    return {
        "release_id": 1, "run_date": date(2026, 1, 1), "status": "published", "codebook_version": 1,
        "serving_versions": [1, 2], "table_versions": [("semantic_id", 0)],
    }  # fmt: skip


def _removed() -> dict[str, Any]:
    """Return a row that was valid until the day of the release."""
    return {**_id(1, "x", (4, 0)), "valid_from": date(2025, 12, 1), "valid_to": date(2026, 1, 1)}


def _id(version: int, item: str, codes: tuple[int, ...]) -> dict[str, Any]:
    printed = "-".join(map(str, codes))
    return {
        "codebook_version": version, "item_id": item, "semantic_id": printed, "codes": list(codes),
        "prefixes": [str(codes[0]), printed], "content_hash": f"h{item}",
        "valid_from": date(2026, 1, 1), "valid_to": None, "release_id": 1,
    }  # fmt: skip


def _label(row: tuple[Any, ...]) -> dict[str, Any]:
    prefix, level, label, terms, items, count, purity = row
    scored = [{"term": term, "score": 1.0 / nr} for nr, term in enumerate(terms, 1)]
    return {
        "codebook_version": 1, "prefix": prefix, "level": level, "label": label, "terms": scored,
        "exemplars": items, "item_count": count, "purity": purity,
    }  # fmt: skip


def _map() -> list[dict[str, Any]]:
    """Of 7 all items came from 4, of 8 seven in ten from 5, of 9 fewer; 4 at level 2 is another code than 4."""
    rows = [(1, 4, 7, 1.0), (1, 5, 8, 0.7), (1, 5, 9, 0.69), (1, 10, 9, 0.31), (2, 4, 9, 1.0)]
    names = ("level", "old_code", "new_code", "purity")
    return [{"from_version": 1, "to_version": 2, **dict(zip(names, row, strict=True))} for row in rows]


_TYPES = {
    "valid_to": pa.date32(), "title": pa.string(), "purity": pa.float64(), "table_versions": pa.map_(pa.string(), pa.int64()),
    "embedding": pa.list_(pa.float32()), "codes": pa.list_(pa.int32()), "serving_versions": pa.list_(pa.int32()),
}  # fmt: skip
_INTEGERS = ("codebook_version", "level", "old_code", "new_code", "from_version", "to_version")


def _write(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    columns = {
        key: pa.array([row[key] for row in rows], _TYPES.get(key, pa.int32() if key in _INTEGERS else None))
        for key in rows[0]
    }
    write_deltalake(str(folder / name), pa.table(columns))
