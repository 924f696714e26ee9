"""The table `code_map`: old codes to new codes, one set of rows per pair of versions."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.tables.sql_text import equals
from semid.tables.store import Store


def replace_code_map(store: Store, rows: DataFrame, old: int, new: int) -> None:
    """Make `rows` the map from codebook version `old` to `new`, in one commit."""
    versions = [F.lit(old).cast("int").alias("from_version"), F.lit(new).cast("int").alias("to_version")]
    own = equals({"from_version": old, "to_version": new})
    store.replace_where(rows.select(*versions, "*"), "code_map", own)
