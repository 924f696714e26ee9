"""Measure how many files a lookup reads under several layouts; prints the table of docs/decisions/0009-layout.md.

Usage: layout.py FOLDER [--items N] [--file-mib N]

Makes `semantic_id` of N items (1,000,000) as a bootstrap writes it, and lays its files out in each of the ways; then one
night closes and opens 1 % of the rows, as a publish does. Item ids are hashed, codes 3 x 256 with a skewed first level.
Files read are Spark's / DuckDB's; delta-rs reads every layout too, and its rows are compared with Spark's.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow.dataset as ds
from deltalake import DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).parents[2]))

from semid.cli.job import start_session
from semid.config import SparkConfig
from semid.tables import layout
from semid.tables.publish import Publication, publish
from semid.tables.query import open_reader
from semid.tables.store import Store
from tests import scanned

DAY1, DAY2 = date(2026, 1, 1), date(2026, 1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--file-mib", type=int, default=2)
    flags = parser.parse_args()
    store = Store(start_session(SparkConfig(properties=None)), str(flags.folder / "warehouse"))
    store.create_tables()
    night(store, "n1", DAY1, flags.items, edited=False)
    size = flags.file_mib * 2**20
    ways: dict[str, Callable[[Store], object]] = {
        "as published": lambda _: None,
        "OPTIMIZE": lambda s: rewrite(s, (), size),
        "sorted by item_id": lambda s: rewrite(s, ("item_id",), size),
        "sorted by semantic_id": lambda s: rewrite(s, ("semantic_id",), size),
        "Z-order of both": lambda s: rewrite(s, ("item_id", "semantic_id"), size),
    }
    print("| layout | seconds | files | item | prefix of 1 | prefix of 2 | IDs of a day | rows by delta-rs |")
    print("|---|---|---|---|---|---|---|---|")
    for name, way in ways.items():
        place = flags.folder / name.replace(" ", "_")
        shutil.copytree(store.warehouse, place)
        copied = Store(store.spark, str(place))
        started = time.monotonic()
        way(copied)
        show(copied, name, time.monotonic() - started)
    started = time.monotonic()
    night(copied, "n2", DAY2, flags.items, edited=True)
    show(copied, "the same after a night", time.monotonic() - started)
    started = time.monotonic()
    rewrite(copied, ("item_id", "semantic_id"), size)
    show(copied, "and sorted again", time.monotonic() - started)


def rewrite(store: Store, columns: tuple[str, ...], size: int) -> None:
    with layout._files_of(store.spark, size):
        optimize = store.delta("semantic_id").optimize()
        optimize.executeZOrderBy(*columns) if columns else optimize.executeCompaction()


def night(store: Store, run: str, day: date, items: int, edited: bool) -> None:
    """Publish all items, or of every hundredth item a new ID."""
    numbers = store.spark.range(items).withColumn("edit", F.lit(1 if edited else 0))
    if edited:
        numbers = numbers.where("id % 100 = 7")
    rows = staged(numbers, run, day)
    store.append(rows, "semantic_id_staged")
    catalog = rows.select(
        "item_id", *[F.lit(None).cast(kind).alias(name) for name, kind in _EMPTY.items()], F.lit("t").alias("text"),
        "content_hash", F.lit(True).alias("is_active"), F.lit(day).alias("first_seen"), F.lit(day).alias("changed_on"),
        F.lit(run).alias("run_id"),
    )  # fmt: skip
    if edited:
        catalog = catalog.unionByName(store.read("item_catalog").join(rows.select("item_id"), "item_id", "left_anti"))
    store.replace_where(catalog.localCheckpoint(), "item_catalog", "true")
    publish(store, Publication(run, day, "nightly" if edited else "bootstrap", 1, (1,), "pass", 0))


_EMPTY = {
    "title": "string", "brand": "string", "category": "array<string>", "description": "string", "price": "double",
    "image_url": "string", "attributes": "map<string,string>",
}  # fmt: skip


def staged(numbers: DataFrame, run: str, day: date) -> DataFrame:
    """Return staged rows of numbered items: codes from hashes, the first one skewed towards small numbers."""
    share = F.pmod(F.hash("id", "edit", F.lit("a")), F.lit(10_000)) / 10_000
    codes = [
        F.floor(256 * F.pow(share, 2)).cast("int"),
        F.pmod(F.hash("id", "edit", F.lit("b")), F.lit(256)).cast("int"),
        F.pmod(F.hash("id", "edit", F.lit("c")), F.lit(256)).cast("int"),
    ]
    rows = numbers.withColumn("codes", F.array(*codes)).withColumn("dedup_index", F.col("id").cast("int"))
    body = F.array_join(F.col("codes").cast("array<string>"), "-")
    return rows.select(
        F.lit(run).alias("run_id"), F.lit(1).alias("codebook_version"),
        F.substring(F.sha2(F.col("id").cast("string"), 256), 1, 12).alias("item_id"),
        F.concat(body, F.lit("#"), F.col("dedup_index").cast("string")).alias("semantic_id"), "codes",
        F.array(*[F.array_join(F.slice("codes", 1, n).cast("array<string>"), "-") for n in (1, 2, 3)]).alias("prefixes"),
        "dedup_index", F.sha2(F.concat_ws("/", "id", "edit"), 256).alias("content_hash"),
        F.lit(0.5).cast("float").alias("quantization_error"), F.lit(day).alias("valid_from"),
    )  # fmt: skip


def show(store: Store, name: str, seconds: float) -> None:
    reader = open_reader(store.warehouse)
    one = reader.mappings("SELECT item_id, prefixes FROM semantic_id_current ORDER BY item_id LIMIT 1 OFFSET 4321")[0]
    conditions = [f"item_id = '{one['item_id']}'", *[f"semantic_id LIKE '{one['prefixes'][n]}-%'" for n in (0, 1)]]
    cells = []
    frame = store.read("semantic_id").where("codebook_version = 1 AND valid_to IS NULL")
    for condition in conditions:
        in_duckdb = scanned.by_duckdb(reader, f"SELECT * FROM semantic_id WHERE codebook_version = 1 AND {condition}")
        cells.append(f"{scanned.by_spark(frame.where(condition))} / {in_duckdb}")
    day = f"valid_from <= DATE '{DAY1}' AND (valid_to IS NULL OR valid_to > DATE '{DAY1}')"
    in_duckdb = scanned.by_duckdb(
        reader, f"SELECT count(item_id) FROM semantic_id WHERE codebook_version = 1 AND {day}"
    )
    counted = store.read("semantic_id").where(f"codebook_version = 1 AND {day}").groupBy().agg(F.count("item_id"))
    cells.append(f"{scanned.by_spark(counted)} / {in_duckdb}")
    cells.append(f"{by_delta_rs(store, one['item_id']):,}")
    total = len(store.read("semantic_id").inputFiles())
    print(f"| {name} | {seconds:.0f} | {total} | {' | '.join(cells)} |", flush=True)


def by_delta_rs(store: Store, item: str) -> int:
    """Return the rows that delta-rs reads, which are Spark's in number, and for one item in every column."""
    table = DeltaTable(store.path("semantic_id"))
    rows = table.to_pyarrow_dataset()
    found = rows.to_table(filter=ds.field("item_id") == item).sort_by("valid_from").to_pylist()
    wanted = store.read("semantic_id").where(F.col("item_id") == item).orderBy("valid_from").collect()
    assert found == [row.asDict() for row in wanted]
    assert rows.count_rows() == store.read("semantic_id").count()
    return int(rows.count_rows())


if __name__ == "__main__":
    main()
