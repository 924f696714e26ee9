"""Opening and reading a feed: Parquet, CSV, JSON lines or a Delta table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from semid.config import SemidConfig
from semid.errors import InputRefused
from semid.frames.feed_checks import first_lines, sampled_keys, text_problem
from semid.frames.feed_columns import check_types, mapped_columns, wanted_columns
from semid.frames.feed_files import (
    FeedFile,
    FeedFiles,
    feed_fingerprint,
    find_feed,
    fingerprints_of_files,
    glob_escaped,
    head,
)
from semid.text.lines import csv_header
from semid.text.render import Template

__all__ = [
    "Feed",
    "feed_fingerprint",
    "fixed_splits",
    "open_feed",
    "refuse_changed",
    "refuse_unreadable",
    "to_feed_rows",
]

RAW_CHARS = 65_536
_HEAD_BYTES = 2**20
# Not by the number of cores, so that a row's place (file, split, number) is the same on every machine.
_SPLIT_BYTES = {"jsonl": 16 * 2**20, "parquet": 8 * 2**20, "delta": 8 * 2**20}


@dataclass(frozen=True)
class Feed:
    """A feed that was found and fits.

    Attributes:
        found: Its files or Delta table.
        columns: The feed's column of each of semid's fields: `title`, `attributes[x]`.
        header: All columns of a CSV feed, in the files' order; empty for the other formats.
        fingerprint: What tells this state of the feed from another.
        contents: The same, whatever the feed's only file is called, which may bear the night's date; empty for files
            that are not on this machine.
    """

    found: FeedFiles
    columns: Mapping[str, str]
    header: tuple[str, ...]
    fingerprint: str
    contents: str

    @property
    def only_file(self) -> str:
        """Name of the feed's only file; empty when it has several, or is a Delta table."""
        return self.found.files[0].name if len(self.found.files) == 1 else ""


def open_feed(spark: SparkSession, config: SemidConfig, template: Template) -> Feed:
    """Return the feed, after every check that needs no look at its rows.

    Raises:
        ConfigError: No feed is configured.
        InputRefused: Lists everything that keeps the feed as a whole from being read.
    """
    found = find_feed(spark, config.catalog)
    where = f"catalog.path: {found.location}"
    if found.format != "delta" and not any(file.size for file in found.files):
        raise _refused("the feed is empty", where, [f"{f.name}: 0 bytes" for f in found.files], "check its delivery")
    wanted = wanted_columns(config.catalog, config.embedding.supplied)
    if found.format in ("parquet", "delta"):
        schema = (
            _parquet_schema(spark, found, {w.column for w in wanted}) if found.files else _frame(spark, found).schema
        )
        columns = mapped_columns(wanted, schema.names, template, where)
        check_types(columns, {field.name: field.dataType for field in schema}, where)
        return Feed(found, columns, (), *fingerprints_of_files(spark, found))
    if problems := [problem for file in found.files if (problem := text_problem(file))]:
        raise _refused("files of the feed cannot be read", where, problems, "deliver these files again")
    names = _csv_columns(spark, found) if found.format == "csv" else _json_keys(spark, found)
    columns = mapped_columns(wanted, names, template, where, sampled=found.format == "jsonl")
    header = tuple(names) if found.format == "csv" else ()
    return Feed(found, columns, header, *fingerprints_of_files(spark, found))


def to_feed_rows(spark: SparkSession, feed: Feed) -> DataFrame:
    """Return the feed as it lies, with the place of each row: `file`, `block`, and then

    for Parquet and Delta one column `field_<n>` per entry of `feed.columns`, as text where the field is text,
    and the row as JSON in `raw`, a vector by its length; for CSV and JSON lines the line in `value`, as bytes, in the
    files' order.
    """
    df = _frame(spark, feed.found)
    place = [F.col("_metadata.file_path").alias("file"), F.col("_metadata.file_block_start").alias("block")]
    if feed.found.format in ("csv", "jsonl"):
        return df.select(*place, F.col("value").cast("binary").alias("value"))
    vectors = {name for field, name in feed.columns.items() if field == "embedding"}
    shown = [_length(name) if name in vectors else _named(name) for name in df.columns]
    raw = F.substring(F.to_json(F.struct(*shown)), 1, RAW_CHARS)
    kinds = {field.name: field.dataType.typeName() for field in df.schema}
    # Numbered, because a name like `attributes[size.mm]` would be taken for a path.
    fields = [
        _as_field(field, name, kinds[name]).alias(f"field_{n}") for n, (field, name) in enumerate(feed.columns.items())
    ]
    return df.select(*place, *fields, raw.alias("raw"))


@contextmanager
def fixed_splits(spark: SparkSession, feed: Feed) -> Iterator[None]:
    """Set how files are split while the feed is read: CSV files never, the others at fixed places."""
    split = _SPLIT_BYTES.get(feed.found.format) or max(file.size for file in feed.found.files) + 1
    # Spark splits at min(maxPartitionBytes, max(openCostInBytes, bytes per core)).
    limit = 2**62 if feed.found.format == "csv" else split
    conf = {"spark.sql.files.openCostInBytes": split, "spark.sql.files.maxPartitionBytes": limit}
    before = {key: spark.conf.get(key) for key in conf}
    try:
        for key, value in conf.items():
            spark.conf.set(key, str(value))
        yield
    finally:
        for key, text in before.items():
            spark.conf.set(key, str(text))


def refuse_changed(spark: SparkSession, feed: Feed, config: SemidConfig) -> None:
    """Refuse a feed that is no longer what it was when it was opened; a Delta table is read at its version.

    Raises:
        InputRefused: The files are not the same.
    """
    if feed.found.format == "delta":
        return
    if feed_fingerprint(spark, config.catalog) != feed.fingerprint:
        raise _refused(
            "the feed changed while it was read",
            f"catalog.path: {feed.found.location}",
            [],
            "run this again once the delivery has ended",
        )


@contextmanager
def refuse_unreadable(feed: Feed) -> Iterator[None]:
    """Turn a file that Spark cannot read into a refusal that names it."""
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:  # what a failed task surfaces as depends on its cause
        text = unquote(str(error))
        if not any(sign in text for sign in ("FAILED_READ_FILE", "CANNOT_READ_FILE_FOOTER", "FileNotFoundException")):
            raise
        names = [f"{f.name}: it cannot be read" for f in feed.found.files if f.name in text]
        raise _refused(
            "files of the feed cannot be read",
            f"catalog.path: {feed.found.location}",
            names or [text.splitlines()[0][:300]],
            "deliver these files again",
        ) from error


def _frame(spark: SparkSession, found: FeedFiles) -> DataFrame:
    if found.format == "delta":
        return spark.read.format("delta").option("versionAsOf", str(found.version)).load(found.uri)
    uris = [glob_escaped(file.uri) for file in found.files]
    if found.format == "parquet":
        return spark.read.parquet(*uris)
    return spark.read.option("lineSep", "\n").text(uris)


def _as_field(field: str, column: str, kind: str) -> Column:
    value = _named(column)
    if field == "price":
        return value if kind == "string" else value.cast("double")
    return value if kind == "array" else value.cast("string")


def _named(column: str) -> Column:
    return F.col("`" + column.replace("`", "``") + "`")


def _length(column: str) -> Column:
    # 384 numbers written as text for every row took three quarters of the first pass's time.
    length = F.array_size(_named(column)).cast("string")
    return F.concat(length, F.lit(" values")).alias(column)


def _parquet_schema(spark: SparkSession, found: FeedFiles, wanted: set[str]) -> StructType:
    schemas, problems = {}, []
    for file in found.files:
        if file.local is None:
            continue
        try:
            schemas[file] = pq.read_schema(file.local)
        except (pa.ArrowException, OSError, ValueError) as error:
            problems.append(f"{file.name}: {str(error).splitlines()[0][:200]}")
    where = f"catalog.path: {found.location}"
    if problems:
        raise _refused("Parquet files of the feed cannot be read", where, problems, "deliver these files again")
    if problems := _differing(schemas, wanted):
        raise _refused("the files of the feed do not agree", where, problems, "write all files with one schema")
    names = [name for schema in schemas.values() for name in schema.names]
    folded = {name.casefold() for name in names}
    if len(folded) < len(set(names)):
        twice = sorted(name for name in set(names) if sum(name.casefold() == n.casefold() for n in set(names)) > 1)
        raise _refused("columns of the feed differ only by case", where, twice, "rename them where the feed is written")
    return _frame(spark, found).schema


def _differing(schemas: Mapping[FeedFile, pa.Schema], wanted: set[str]) -> list[str]:
    problems = []
    for column in sorted(wanted):
        kinds: dict[str, list[str]] = {}
        for file, schema in schemas.items():
            kind = str(schema.field(column).type) if schema.names.count(column) == 1 else "missing"
            kinds.setdefault(kind, []).append(file.name)
        if len(kinds) > 1:
            problems += [f"{column}: {kind} in {_some(files)}" for kind, files in sorted(kinds.items())]
    return problems


def _csv_columns(spark: SparkSession, found: FeedFiles) -> list[str]:
    headers: dict[tuple[str, ...], list[str]] = {}
    problems = []
    for file in found.files:
        try:
            header = csv_header(first_lines(file.name, head(spark, file, _HEAD_BYTES)))
            headers.setdefault(tuple(header), []).append(file.name)
        except ValueError as error:
            problems.append(f"{file.name}: {error}")
    if not problems and len(headers) > 1:
        problems = [f"{_some(files)}: {', '.join(header)[:200]}" for header, files in headers.items()]
    if problems:
        what = "the headers of the feed's CSV files cannot be read or differ"
        raise _refused(what, f"catalog.path: {found.location}", problems, "write all files with one header line")
    return list(next(iter(headers)))


def _json_keys(spark: SparkSession, found: FeedFiles) -> list[str]:
    keys: set[str] = set()
    problems = []
    for file in found.files:
        lines = first_lines(file.name, head(spark, file, _HEAD_BYTES))
        sampled = sampled_keys(lines)
        if sampled is None:
            problems.append(f"{file.name}: it is one JSON array")
        elif not sampled and any(line.strip() for line in lines):
            problems.append(f"{file.name}: none of its first lines is a JSON object")
        keys.update(sampled or [])
    if problems:
        what = "JSON lines are expected: one object per line"
        raise _refused(what, f"catalog.path: {found.location}", problems, "write one object per line, without a list")
    return sorted(keys)


def _some(files: list[str]) -> str:
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    return ", ".join(files[:3]) + more


def _refused(what: str, where: str, problems: list[str], next_step: str) -> InputRefused:
    return InputRefused(what, where=where, problems=problems, next_step=next_step)
