"""The files of a feed: which they are, in which format, and the fingerprint of what they hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import SparkSession

from semid.config import CatalogConfig
from semid.errors import ConfigError, InputRefused
from semid.ids import fingerprint
from semid.tables.lock import local_path

SUFFIXES = {
    "parquet": (".parquet", ".parq"),
    "csv": (".csv", ".csv.gz"),
    "jsonl": (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz"),
}
_CHUNK = 2**20


@dataclass(frozen=True)
class FeedFile:
    """One file of a feed.

    Attributes:
        name: Path below the feed's folder; the file's own name when the feed is one file.
        uri: What Spark opens.
        local: Where it lies on this machine, or None.
        size: Bytes.
        stamp: When it was last modified, in the file system's own unit.
    """

    name: str
    uri: str
    local: Path | None
    size: int
    stamp: int

    @property
    def hidden(self) -> bool:
        """Whether Spark would skip the file without a word: `_x`, `.x`, or anything below such a folder."""
        return any(part.startswith(("_", ".")) for part in self.name.split("/"))


@dataclass(frozen=True)
class FeedFiles:
    """A feed as found: its files, or a Delta table.

    Attributes:
        location: As configured.
        format: parquet, csv, jsonl or delta.
        files: In order of their names; none for a Delta table.
        version: The Delta table's version, else None.
    """

    location: str
    format: str
    files: tuple[FeedFile, ...]
    version: int | None = None

    @property
    def uri(self) -> str:
        """The feed's location for Spark."""
        return _uri(self.location)


def feed_fingerprint(spark: SparkSession, catalog: CatalogConfig) -> str:
    """Return what tells one state of the feed from another.

    For local files the sha256 of their names, sizes and contents; on other file systems names, sizes and
    times; for a Delta table its id and version.

    Raises:
        ConfigError: No feed is configured.
        InputRefused: The feed is not there, or has no file of a known format.
    """
    return fingerprint_of_files(spark, find_feed(spark, catalog))


def fingerprint_of_files(spark: SparkSession, feed: FeedFiles) -> str:
    """Return the fingerprint of a feed that was found, see `feed_fingerprint`."""
    return fingerprints_of_files(spark, feed)[0]


def fingerprints_of_files(spark: SparkSession, feed: FeedFiles) -> tuple[str, str]:
    """Return the fingerprint of a feed that was found, and one of its contents, whatever its only file is called.

    The latter is empty for files that are not on this machine: of them no byte is read.
    """
    if feed.format == "delta":
        from delta.tables import DeltaTable

        table_id = DeltaTable.forPath(spark, feed.uri).detail().select("id").collect()[0][0]
        return (fingerprint([table_id, feed.version]),) * 2
    named = [[f.name, f.size, _sha256(f.local) if f.local else f.stamp] for f in feed.files]
    if not all(file.local for file in feed.files):
        return fingerprint(named), ""
    return fingerprint(named), fingerprint(named if len(named) > 1 else named[0][1:])


def find_feed(spark: SparkSession, catalog: CatalogConfig, name: str = "the feed") -> FeedFiles:
    """Return the feed's files and format; a Delta table is pinned to its newest version.

    Args:
        spark: The session; local files do without.
        catalog: Its `path` and `format`.
        name: What a refusal calls it.

    Raises:
        ConfigError: No feed is configured.
        InputRefused: Lists every file that stands in the way.
    """
    if catalog.path is None:
        raise ConfigError(
            "no feed is configured",
            where="catalog.path",
            next_step="give it with --catalog PATH, or in the --config file",
        )
    everything = _list(spark, catalog.path, name)
    is_delta = any(f.name.startswith("_delta_log/") for f in everything)
    if is_delta and catalog.format not in ("auto", "delta"):
        # Its folder also holds the files of older versions.
        raise _refused(f"{name} is a Delta table", catalog, [], "set catalog.format to auto or delta")
    if is_delta:
        return FeedFiles(catalog.path, "delta", (), _delta_version(spark, _uri(catalog.path)))
    kind = _format_of(everything, catalog, name)
    return FeedFiles(catalog.path, kind, _files_of(everything, kind, catalog, name))


def head(spark: SparkSession, file: FeedFile, count: int) -> bytes:
    """Return the first `count` bytes of a file, as stored."""
    if file.local is not None:
        with file.local.open("rb") as stream:
            return stream.read(count)
    stream = _filesystem(spark, file.uri).open(_hadoop_path(spark, file.uri))
    try:
        return bytes(stream.readNBytes(count))
    finally:
        stream.close()


def glob_escaped(uri: str) -> str:
    r"""Return a path that Spark's reader takes literally.

    >>> glob_escaped("a[1].csv")
    'a\\[1\\].csv'
    """
    return "".join(f"\\{c}" if c in "[]{}*?\\" else c for c in uri)


def _format_of(everything: Sequence[FeedFile], catalog: CatalogConfig, name: str) -> str:
    if catalog.format not in ("auto", "delta"):
        return catalog.format
    found = sorted({kind for f in everything for kind in SUFFIXES if f.name.lower().endswith(SUFFIXES[kind])})
    if catalog.format == "delta":
        problem, hint = (
            "it is no Delta table: it has no _delta_log",
            "set catalog.format=auto, or check the path",
        )
    elif len(found) == 1:
        return found[0]
    elif found:
        problem, hint = (
            f"its files have several formats: {', '.join(found)}",
            "set catalog.format to the one to read",
        )
    else:
        problem, hint = "no file's name tells a format", "set catalog.format to parquet, csv, jsonl or delta"
    raise _refused(f"the format of {name} is not clear", catalog, [problem], hint)


def _files_of(everything: Sequence[FeedFile], kind: str, catalog: CatalogConfig, name: str) -> tuple[FeedFile, ...]:
    by_name = [f for f in everything if f.name.lower().endswith(SUFFIXES[kind])]
    files = by_name or [f for f in everything if not f.hidden]
    problems = [f"{f.name}: hidden by its name; Spark would skip it silently" for f in files if f.hidden]
    problems += [
        f"{f.name}: lies in a partition folder, whose values are no columns"
        for f in files
        if any("=" in part for part in f.name.split("/")[:-1])
    ]
    if problems:
        raise _refused(
            f"files of {name} cannot be read as they lie",
            catalog,
            problems,
            "rename or move them, or give a Delta table",
        )
    if not files:
        raise _refused(f"{name} is empty", catalog, [f"no {kind} file"], "check that the feed was delivered")
    return tuple(sorted(files, key=lambda f: f.name))


def _list(spark: SparkSession, location: str, name: str) -> list[FeedFile]:
    local = local_path(location)
    files = _list_remote(spark, location) if local is None else _list_local(local)
    if files is None:
        raise InputRefused(
            f"{name} does not exist",
            where=f"catalog.path: {location}",
            next_step="check the path, or give another with --catalog PATH",
        )
    return files


def _list_local(root: Path) -> list[FeedFile] | None:
    if root.is_file():
        return [_local_file(root, root.name)]
    if not root.is_dir():
        return None
    paths = [Path(folder) / name for folder, _, names in os.walk(root, followlinks=True) for name in names]
    return [_local_file(path, path.relative_to(root).as_posix()) for path in paths]


def _local_file(path: Path, name: str) -> FeedFile:
    try:
        status = path.stat()
    except OSError as error:
        raise InputRefused("a file cannot be read", where=str(path), problems=[str(error.strerror)]) from error
    return FeedFile(name, f"file://{path.absolute()}", path, status.st_size, status.st_mtime_ns)


def _list_remote(spark: SparkSession, location: str) -> list[FeedFile] | None:
    filesystem, root = _filesystem(spark, location), _hadoop_path(spark, location)
    if not filesystem.exists(root):
        return None
    is_file = filesystem.getFileStatus(root).isFile()
    base = filesystem.makeQualified(root.getParent() if is_file else root).toString().rstrip("/") + "/"
    files, found = [], filesystem.listFiles(root, True)
    while found.hasNext():
        status = found.next()
        uri = status.getPath().toString()
        files.append(
            FeedFile(uri.removeprefix(base), uri, None, int(status.getLen()), int(status.getModificationTime()))
        )
    return files


def _hadoop_path(spark: SparkSession, uri: str):  # type: ignore[no-untyped-def]  # a Java object
    return spark._jvm.org.apache.hadoop.fs.Path(uri)  # type: ignore[union-attr]


def _filesystem(spark: SparkSession, uri: str):  # type: ignore[no-untyped-def]  # a Java object
    return _hadoop_path(spark, uri).getFileSystem(spark._jsc.hadoopConfiguration())


def _delta_version(spark: SparkSession, uri: str) -> int:
    from delta.tables import DeltaTable

    return int(DeltaTable.forPath(spark, uri).history(1).select("version").collect()[0][0])


def _uri(location: str) -> str:
    local = local_path(location)
    return location if local is None else f"file://{local.absolute()}"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise InputRefused("a file cannot be read", where=str(path), problems=[str(error.strerror)]) from error
    return digest.hexdigest()


def _refused(what: str, catalog: CatalogConfig, problems: list[str], next_step: str) -> InputRefused:
    return InputRefused(what, where=f"catalog.path: {catalog.path}", problems=problems, next_step=next_step)
