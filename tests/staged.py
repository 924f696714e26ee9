"""Small staged runs for the tests of the checks: two levels of four codes; one sound night, one broken in every way."""

from __future__ import annotations

from datetime import date
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructField, StructType

from semid.ids import format_id, prefixes
from semid.tables.contract import table

SIZES = (4, 4)
DAY = date(2026, 1, 2)


def frame(spark: SparkSession, rows: list[dict[str, Any]], name: str) -> DataFrame:
    """Rows as a DataFrame in which everything may be null, as no Delta table would let it."""
    schema = StructType([StructField(field.name, field.dataType) for field in table(name).schema])
    return spark.createDataFrame([tuple(row.get(column) for column in schema.names) for row in rows], schema)


def staged_row(item: str, codes: list[int], content: str = "", index: int = 0, **other: Any) -> dict[str, Any]:
    """A sound row of semantic_id_staged; the content is the item's own unless given."""
    row = {
        "run_id": "r",
        "codebook_version": 1,
        "item_id": item,
        "semantic_id": format_id(codes, index),
        "codes": codes,
        "prefixes": prefixes(codes),
        "dedup_index": index,
        "content_hash": content or f"c-{item}",
        "quantization_error": 0.25,
        "valid_from": DAY,
    }
    return row | other


def current_row(item: str, codes: list[int], content: str = "", index: int = 0, **other: Any) -> dict[str, Any]:
    """A sound row of semantic_id."""
    row = staged_row(item, codes, content, index) | {"valid_from": date(2026, 1, 1), "valid_to": None, "release_id": 1}
    return row | other


def catalog_row(item: str, content: str = "", active: bool = True) -> dict[str, Any]:
    """A row of item_catalog."""
    return {
        "item_id": item,
        "text": "t",
        "content_hash": content or f"c-{item}",
        "is_active": active,
        "first_seen": DAY,
        "changed_on": DAY,
        "run_id": "r",
    }


def change_row(item: str, semantic_id: str) -> dict[str, Any]:
    """A row of semantic_id_change that gave an item its ID."""
    return {
        "release_id": 1,
        "codebook_version": 1,
        "item_id": item,
        "to_version": 1,
        "new_semantic_id": semantic_id,
        "common_prefix": 0,
        "reason": "added",
    }


# Night 2: `a` and `b` stay (one content, two numbers), `c` is edited, `d` leaves, `e` and `f` are new.
CURRENT = [
    current_row("a", [0, 1], "c-ab"),
    current_row("b", [0, 1], "c-ab", 1),
    current_row("c", [2, 2], "c-old"),
    current_row("d", [3, 0]),
]
CATALOG = [
    catalog_row("a", "c-ab"),
    catalog_row("b", "c-ab"),
    catalog_row("c"),
    catalog_row("d", active=False),
    catalog_row("e"),
    catalog_row("f"),
]
STAGED = [staged_row("c", [2, 3]), staged_row("e", [0, 1], index=2, quantization_error=0.5), staged_row("f", [1, 0])]

# Each further item breaks one rule; the names say which.
BROKEN_CURRENT = [*CURRENT, current_row("churned", [0, 0])]
BROKEN_CHANGES = [change_row("long-gone", "2-1")]
BROKEN_STAGED = [
    *STAGED,
    staged_row("f", [1, 0]),  # a second time
    staged_row("high-code", [2, 9]),
    staged_row("low-code", [-1, 2]),
    staged_row("short", [1]),
    staged_row("no-codes", [0]) | {"codes": None, "semantic_id": "0-9"},
    staged_row("misprinted", [3, 1], semantic_id="03-1"),
    staged_row("no-id", [2, 2], semantic_id=None),
    staged_row("prefixes", [3, 2], prefixes=["3"]),
    staged_row("nan", [3, 3], quantization_error=float("nan")),
    staged_row("no-error", [1, 1], quantization_error=None),
    staged_row("inactive", [1, 2]),
    staged_row("stale", [1, 3], "c-outdated"),
    staged_row("twin1", [2, 0]),
    staged_row("twin2", [2, 0]),
    staged_row("reuses-old", [2, 1]),
    staged_row("reuses-removed", [3, 0]),
    staged_row("churned", [0, 2]),
    staged_row("nobody", [0, 3]) | {"item_id": None},
]
_NEW = {row["item_id"] for row in BROKEN_STAGED} - {row["item_id"] for row in STAGED} - {None}
BROKEN_CATALOG = [*CATALOG, catalog_row("uncovered"), *(catalog_row(i, active=i != "inactive") for i in sorted(_NEW))]
BROKEN_FACTS = {
    "uncovered_items": 2,  # uncovered, and f has two
    "items_without_id": 1,
    "items_with_many_ids": 1,
    "inactive_with_id": 2,  # inactive, nobody
    "stale_contents": 1,
    "changed_ids": 1,
    "shared_ids": 2,  # f's, the twins'
    "reused_ids": 2,
    "row_difference": 2,
    "wrong_length": 2,  # short, no-codes
    "misprinted_ids": 3,  # misprinted, no-id, no-codes
    "misprinted_prefixes": 2,  # prefixes, no-codes
    "bad_errors": 2,
    "codes_outside_1": 2,  # low-code, no-codes
    "codes_outside_2": 3,  # high-code, short, no-codes
}
