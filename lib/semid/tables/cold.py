"""New items of the release that readers see, asked by DuckDB: where they have landed, and what is known there."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from semid.downstream.cold_item import cold_items
from semid.downstream.sequences import catalog_rows
from semid.errors import ConfigError
from semid.measure.retrieval import NOTHING
from semid.tables.query import Reader

# Ordered by item id, as its bytes are.
_IDS = """
SELECT i.item_id, i.semantic_id, i.codes, c.first_seen
FROM semantic_id_current AS i JOIN item_catalog AS c USING (item_id) ORDER BY i.item_id"""


def read_traffic(file: Path) -> pa.Table:
    """Return (item_id, interactions) of a Parquet file with a row per interaction."""
    rows = pq.read_table(file, columns=["item_id"], page_checksum_verification=True)
    names = rows["item_id"].drop_null().cast(pa.string())
    return pa.table({"item_id": names}).group_by("item_id").aggregate([([], "count_all")]).rename_columns(
        ["item_id", "interactions"]
    )  # fmt: skip


def cold_item(reader: Reader, traffic: pa.Table, since: date | None, neighbours: int) -> pa.Table:
    """Return a row per new item: item_id, semantic_id, depth, prefix_items, prefix_traffic, neighbours.

    See `downstream.cold_item.ColdItems`; all columns are those of the release that readers see.

    Args:
        reader: Of the warehouse.
        traffic: (item_id, interactions); items it lacks have none.
        since: Items first seen on this day or later are new; None for those without traffic.
        neighbours: Most neighbours per item.

    Raises:
        ConfigError: Nothing is published.
    """
    rows = reader.arrow(_IDS)
    if not len(rows):
        raise ConfigError(
            "nothing is published yet", where=str(reader.folder), next_step="semid nightly --catalog PATH"
        )
    names = np.array(rows["item_id"].to_pylist())
    place = catalog_rows(traffic["item_id"].to_pylist(), names)
    times = np.zeros(len(names), np.int64)
    np.add.at(times, place[place >= 0], traffic["interactions"].to_numpy()[place >= 0])
    new = times == 0 if since is None else np.array([day >= since for day in rows["first_seen"].to_pylist()])
    codes = np.stack(rows["codes"].to_numpy()).astype(np.int32)
    found = cold_items(codes, new, times, neighbours)
    columns = {
        "item_id": names[found.item].tolist(),
        "semantic_id": rows["semantic_id"].take(pa.array(found.item)),
        "depth": found.depth,
        "prefix_items": found.prefix_items,
        "prefix_traffic": found.prefix_traffic,
        "neighbours": [names[row[row != NOTHING]].tolist() for row in found.neighbours],
    }
    return pa.table(columns)
