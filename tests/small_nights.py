"""Nights of a few hand-written items, from the staged rows on: no feed, no model, no codebook."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

from semid.tables.publish import Publication, publish
from semid.tables.releases import Release
from semid.tables.store import Store

NIGHT1, NIGHT2, NIGHT3 = date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)


def copy(store: Store, folder: Path) -> Store:
    """Return a copy of a warehouse: Delta tables hold no absolute paths."""
    shutil.copytree(store.warehouse, folder)
    return Store(store.spark, str(folder))


def catalog_row(item: str, content: str, active: bool = True) -> dict[str, object]:
    return {
        "item_id": item,
        "text": content,
        "content_hash": content,
        "is_active": active,
        "first_seen": NIGHT1,
        "changed_on": NIGHT1,
        "run_id": "r",
    }


def staged_row(run: str, item: str, codes: list[int], content: str, day: date, index: int = 0) -> dict[str, object]:
    body = "-".join(map(str, codes))
    return {
        "run_id": run,
        "codebook_version": 1,
        "item_id": item,
        "semantic_id": f"{body}#{index}" if index else body,
        "codes": codes,
        "prefixes": ["-".join(map(str, codes[: n + 1])) for n in range(len(codes))],
        "dedup_index": index,
        "content_hash": content,
        "quantization_error": 0.5,
        "valid_from": day,
    }


def night(
    store: Store,
    run: str,
    day: date,
    catalog: dict[str, str],
    staged: list[dict[str, object]],
    serving: tuple[int, ...] = (1,),
) -> Release:
    """Replace the catalog, stage rows and publish them."""
    known = {row.item_id: row.content_hash for row in store.read("item_catalog").collect()}
    gone = [catalog_row(item, known[item], active=False) for item in known.keys() - catalog.keys()]
    rows = [catalog_row(item, content) for item, content in catalog.items()] + gone
    store.replace_where(store.frame(rows, "item_catalog"), "item_catalog", "true")
    store.append_rows(staged, "semantic_id_staged")
    kind = "nightly" if known else "bootstrap"
    return publish(store, Publication(run, day, kind, 1, serving, "pass", 0))


def intervals(store: Store) -> list[tuple[object, ...]]:
    rows = store.read("semantic_id").collect()
    return sorted((r.item_id, r.semantic_id, str(r.valid_from), str(r.valid_to)) for r in rows)


def changes(store: Store, release_id: int) -> list[tuple[object, ...]]:
    rows = store.read("semantic_id_change").where(f"release_id = {release_id}").collect()
    return sorted((r.item_id, r.old_semantic_id, r.new_semantic_id, r.common_prefix, r.reason) for r in rows)


def first_night(store: Store) -> Release:
    """Three items, two of them with equal codes."""
    return night(
        store,
        "n1",
        NIGHT1,
        {"a": "A", "b": "B", "c": "C"},
        [
            staged_row("n1", "a", [1, 2], "A", NIGHT1),
            staged_row("n1", "b", [1, 2], "B", NIGHT1, 1),
            staged_row("n1", "c", [3, 4], "C", NIGHT1),
        ],
    )


def open_ids(store: Store, version: int = 1) -> dict[str, str]:
    rows = store.read("semantic_id").where(f"codebook_version = {version} AND valid_to IS NULL").collect()
    assert len(rows) == len({row.item_id for row in rows})
    return {row.item_id: row.semantic_id for row in rows}


def second_night(store: Store) -> Release:
    """An edited item, a removed one and a new one."""
    staged = [staged_row("n2", "a", [1, 5], "A2", NIGHT2), staged_row("n2", "d", [7, 7], "D", NIGHT2)]
    return night(store, "n2", NIGHT2, {"a": "A2", "b": "B", "d": "D"}, staged)


def shadow(store: Store) -> Release:
    """Give the three items of the first night an ID under version 2, and serve it beside version 1."""
    rows = [("a", [1, 2], "A", 0), ("b", [1, 2], "B", 1), ("c", [9, 9], "C", 0)]
    staged = [staged_row("r", i, codes, content, NIGHT2, k) | {"codebook_version": 2} for i, codes, content, k in rows]
    store.append_rows(staged, "semantic_id_staged")
    return publish(store, Publication("r", NIGHT2, "retrain", 1, (1, 2), "pass", 0))
