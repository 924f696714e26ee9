"""How rows lie in files, so that a lookup skips most of them (docs/decisions/0009-layout.md).

Delta keeps the least and greatest value of every column in each file (of the first 32 columns; no table has more).
A lookup skips a file whose range does not hold what it looks for, which helps only when the rows of a file are near
one another. A MERGE does not care for that, so OPTIMIZE sorts them afterwards, along a Z-order curve where two columns
are looked up. It rewrites files, never rows: readers take it for the same release (`views.Shown`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pyspark.sql import SparkSession

from semid.tables.store import Store

SORTED_BY: Mapping[str, tuple[str, ...]] = {
    "item_catalog": ("item_id",),
    "item_embedding": ("content_hash",),
    "semantic_id": ("item_id", "semantic_id"),
    "semantic_id_change": ("item_id", "new_semantic_id"),
}
"""The columns by which a table is looked up."""

FILE_BYTES = 16 * 2**20
"""Wanted size of a file. Delta's own default, 1 GiB, puts ten million IDs into one file, and nothing can be skipped."""

_MAX_FILE = "spark.databricks.delta.optimize.maxFileSize"


def sort_files(store: Store, name: str, file_bytes: int = FILE_BYTES) -> bool:
    """Rewrite the files of table `name` in the order in which it is looked up; return whether there was reason to.

    A table that fits into one file is left alone. Otherwise all its files are rewritten, in one commit.

    Args:
        store: The warehouse.
        name: A table of `SORTED_BY`.
        file_bytes: Wanted size of a file.
    """
    size = store.spark.sql(f"DESCRIBE DETAIL delta.`{store.path(name)}`").select("sizeInBytes").collect()[0][0]
    if size <= file_bytes:
        return False
    with _files_of(store.spark, file_bytes):
        store.delta(name).optimize().executeZOrderBy(*SORTED_BY[name])
    return True


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
