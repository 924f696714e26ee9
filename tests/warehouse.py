"""A small warehouse with a history: two codebooks, edits, a blocked release, a rollback and a publish under way.

| release | date | what |
|---|---|---|
| 1 | 01-01 | bootstrap with codebook 1: a, b (equal codes), c |
| 2 | 01-02 | nightly: c edited, b removed, d added |
| 3 | 01-03 | retrain: codebook 2, four levels |
| 4 | 01-04 | blocked |
| 5 | 01-05 | rollback to codebook 1 |
| - | 01-06 | a publish that has reached semantic_id, but has no release row yet: x |
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest

from semid.ids import format_id, prefixes
from semid.tables.store import Store


def day(number: int) -> date:
    """Return a day of the history."""
    return date(2026, 1, number)


def sid_row(version: int, item: str, codes: Sequence[int], days: tuple[int, int | None], k: int = 0) -> dict[str, Any]:
    """Return a row of semantic_id that is valid on `days` [from, to)."""
    first, last = days
    return {
        "codebook_version": version,
        "item_id": item,
        "semantic_id": format_id(codes, k),
        "codes": list(codes),
        "prefixes": prefixes(codes),
        "dedup_index": k,
        "content_hash": f"hash-{item}",
        "quantization_error": 0.25,
        "valid_from": day(first),
        "valid_to": None if last is None else day(last),
        "release_id": first,
    }


def release_row(number: int, kind: str, version: int, **values: Any) -> dict[str, Any]:
    """Return a row of release, published on its own day."""
    row = {
        "release_id": number,
        "run_id": f"{kind}-{number}",
        "run_date": day(number),
        "kind": kind,
        "status": "published",
        "codebook_version": version,
        "serving_versions": [version],
        "table_versions": {},
        "counts": {"added": 1, "changed": 1, "removed": 1, "unchanged": 1, "quarantined": 2},
        "verdict": "pass",
        "created_at": datetime(2026, 1, number, 3, tzinfo=UTC),
    }
    return {**row, **values}


PUBLISHED_IDS = [
    sid_row(1, "a", (5, 1, 2), (1, None)),
    sid_row(1, "b", (5, 1, 2), (1, 2), k=1),
    sid_row(1, "c", (7, 0, 3), (1, 2)),
    sid_row(1, "c", (7, 4, 4), (2, None)),
    sid_row(1, "d", (12, 0, 9), (2, None)),
    sid_row(2, "a", (1, 1, 1, 1), (3, None)),
    sid_row(2, "c", (2, 0, 1, 1), (3, None)),
    sid_row(2, "d", (2, 0, 1, 1), (3, None), k=1),
]
UNPUBLISHED_IDS = [sid_row(1, "x", (9, 9, 9), (6, None))]
ITEMS = ["=cmd()", "tea\x1b[31m", "日本茶", None]


def build(spark: Any, folder: str) -> Store:
    """Write the warehouse and return its store."""
    store = Store(spark, folder)
    store.create_tables()
    store.append_rows(PUBLISHED_IDS, "semantic_id")
    store.append_rows(_changes(), "semantic_id_change")
    recorded = {name: store.version(name) for name in ("semantic_id", "semantic_id_change")}
    store.append_rows(UNPUBLISHED_IDS, "semantic_id")
    store.append_rows(_releases(recorded), "release")
    store.append_rows([_codebook(1), _codebook(2)], "codebook")
    store.append_rows(_checks(), "drift_report")
    store.append_rows(_runs(), "run")
    store.append_rows([_item(f"i{n}", title) for n, title in enumerate(ITEMS)], "item_catalog")
    return store


def _releases(recorded: dict[str, int]) -> list[dict[str, Any]]:
    return [
        release_row(1, "bootstrap", 1),
        release_row(2, "nightly", 1),
        release_row(3, "retrain", 2),
        release_row(4, "nightly", 2, status="blocked", verdict="block", counts={}),
        release_row(5, "rollback", 1, table_versions=recorded, verdict="warn"),
    ]


def _changes() -> list[dict[str, Any]]:
    added = {"codebook_version": 1, "to_version": 1, "common_prefix": 0, "reason": "added"}
    return [{**added, "release_id": 1, "item_id": item, "new_semantic_id": "5-1-2"} for item in "ab"]


def _codebook(version: int) -> dict[str, Any]:
    return {
        "codebook_version": version,
        "kind": "rkmeans",
        "levels": 3,
        "codebook_sizes": [16, 16, 16],
        "model": "minilm#0123",
        "artifact": bytearray(b"\x00\xff bytes"),
        "artifact_sha256": "00",
        "fingerprint": "11",
        "params": "{}",
        "metrics": '{"collision_rate": 0.125, "perplexity": [15.5, 14.0, 12.25]}',
        "seed": 20,
        "trained_on": '{"rows": 3, "item_embedding": 1}',
        "run_id": "bootstrap-1",
        "created_at": datetime(2026, 1, version, tzinfo=UTC),
    }


def _checks() -> list[dict[str, Any]]:
    check = {"cohort": "arrivals", "metric": "error_ratio", "level": 0, "threshold_warn": 1.15, "threshold_block": 1.3}
    return [
        {**check, "run_id": "nightly-2", "value": 1.0, "status": "pass"},
        {**check, "run_id": "nightly-4", "value": 1.5, "status": "block", "note": "arrivals fit worse"},
        {**check, "run_id": "nightly-4", "metric": "churn", "value": 0.0, "status": "pass"},
    ]


def _runs() -> list[dict[str, Any]]:
    names = {"nightly-2": "done", "nightly-4": "blocked", "nightly-4/check_drift": "blocked", "nightly-6": "running"}
    return [
        {
            "run_id": name,
            "job": name.partition("/")[2] or "nightly",
            "run_date": day(int(name[8])),
            "status": status,
            "started_at": datetime(2026, 1, int(name[8]), 2, tzinfo=UTC),
            "seconds": None if status == "running" else 12.5,
        }
        for name, status in names.items()
    ]


def _item(item: str, title: str | None) -> dict[str, Any]:
    return {
        "item_id": item,
        "title": title,
        "category": ["Drinks", "Tea"],
        "price": 1.5,
        "attributes": {"colour": "green"},
        "text": "text",
        "content_hash": f"hash-{item}",
        "is_active": True,
        "first_seen": day(1),
        "changed_on": day(1),
        "run_id": "bootstrap-1",
    }


def shared(spark: Any, folders: pytest.TempPathFactory) -> Store:
    """Return the warehouse that every test only reads; it is written once in a test run."""
    if not _BUILT:
        _BUILT.append(build(spark, str(folders.mktemp("history") / "warehouse")))
    return _BUILT[0]


_BUILT: list[Store] = []
