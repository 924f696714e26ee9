"""Files that a job's own flags name: part of what tells one run from another."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pyspark.sql import SparkSession

from semid.config import CatalogConfig, load_config
from semid.frames.feed_files import find_feed, fingerprint_of_files
from semid.ids import fingerprint


def fingerprint_of_flags(
    spark: SparkSession, flags: argparse.Namespace, values: Sequence[str], files: Sequence[str]
) -> str:
    """Return a fingerprint of the flags named in `values` and of the contents of the files named by `files`.

    Raises:
        InputRefused: A file is not there, or is no Parquet.
    """
    given = {name: getattr(flags, name) for name in values}
    found = {name: _file(spark, path) for name in files if (path := getattr(flags, name)) is not None}
    return fingerprint({"values": given, "files": found})


def _file(spark: SparkSession, path: str) -> str:
    parquet: CatalogConfig = load_config().catalog.model_copy(update={"path": path, "format": "parquet"})
    return fingerprint_of_files(spark, find_feed(spark, parquet))
