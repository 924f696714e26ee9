"""Files that a job's own flags name: part of what tells one run from another."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from semid.config import CatalogConfig, load_config
from semid.errors import InputRefused
from semid.frames.feed_files import FeedFiles, find_feed, fingerprint_of_files, glob_escaped
from semid.ids import fingerprint


def fingerprint_of_flags(
    spark: SparkSession, flags: argparse.Namespace, values: Sequence[str], files: Sequence[str]
) -> str:
    """Return a fingerprint of the flags named in `values` and of the contents of the files named by `files`.

    Raises:
        InputRefused: A file is not there.
    """
    given = {name: getattr(flags, name) for name in values}
    found = {
        name: fingerprint_of_files(spark, _find(spark, path, name))
        for name in files
        if (path := getattr(flags, name)) is not None
    }
    return fingerprint({"values": given, "files": found})


def read_file(spark: SparkSession, path: str) -> DataFrame:
    """Return a Delta table, or a Parquet file or folder; its existence was checked with its fingerprint."""
    return spark.read.format("delta").load(path) if _is_delta(spark, path) else spark.read.parquet(glob_escaped(path))


def _find(spark: SparkSession, path: str, name: str) -> FeedFiles:
    kind = "delta" if _is_delta(spark, path) else "parquet"
    config: CatalogConfig = load_config().catalog.model_copy(update={"path": path, "format": kind})
    try:
        return find_feed(spark, config, f"the file of --{name}")
    except InputRefused as refused:  # it speaks of the feed's settings
        raise InputRefused(refused.what, where=f"--{name} {path}", problems=refused.problems) from refused


def _is_delta(spark: SparkSession, path: str) -> bool:
    from delta.tables import DeltaTable

    return bool(DeltaTable.isDeltaTable(spark, path))
