"""How rows lie in files, so that a lookup skips most of them (docs/decisions/0009-layout.md).

Delta keeps the least and greatest value of every column in each file (of the first 32 columns; no table has more).
A lookup skips a file whose range does not hold what it looks for, which helps only when the rows of a file are near
one another. A MERGE does not care for that, so OPTIMIZE sorts them afterwards, along a Z-order curve where two columns
are looked up. It rewrites files, never rows: readers take it for the same release (`views.Shown`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from semid.tables.store import Store
from semid.tables.views import SAME_ROWS

SORTED_BY: Mapping[str, tuple[str, ...]] = {
    "item_catalog": ("item_id",),
    "item_embedding": ("content_hash",),
    "semantic_id": ("item_id", "semantic_id"),
    "semantic_id_change": ("item_id", "release_id"),
}
"""The columns by which a table is looked up."""

FILE_BYTES = 16 * 2**20
"""Wanted size of a file. Delta's own default, 1 GiB, puts ten million IDs into one file, and nothing can be skipped."""

_MAX_FILE = "spark.databricks.delta.optimize.maxFileSize"


def lay_out(store: Store, name: str, file_bytes: int = FILE_BYTES) -> bool:
    """Rewrite the files of table `name` in the order in which it is looked up; return whether there was reason to.

    A table that would fit into one file, or is not looked up by a key, gets as few files as possible. A larger one is
    rewritten as a whole, in one commit, unless no row has changed since that was done.

    Args:
        store: The warehouse.
        name: A table of the contract.
        file_bytes: Wanted size of a file.
    """
    table, (files, size) = store.delta(name), store.live_files(name)
    columns = SORTED_BY.get(name, ()) if size > file_bytes else ()
    if _is_sorted(table) if columns else files <= 1:
        return False
    if columns:
        with _files_of(store.spark, file_bytes):
            table.optimize().executeZOrderBy(*columns)
    else:
        table.optimize().executeCompaction()
    return True


def _is_sorted(table: DeltaTable) -> bool:
    for commit in table.history().select("operation", "operationParameters").collect():
        if commit.operation not in SAME_ROWS:
            return False
        if commit.operation == "OPTIMIZE":
            return str(commit.operationParameters["zOrderBy"]) != "[]"
    return False


@contextmanager
def _files_of(spark: SparkSession, size: int) -> Iterator[None]:
    before = spark.conf.get(_MAX_FILE, None)
    spark.conf.set(_MAX_FILE, size)
    try:
        yield
    finally:
        if before is None:
            spark.conf.unset(_MAX_FILE)
        else:
            spark.conf.set(_MAX_FILE, before)
