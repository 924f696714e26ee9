"""What a Delta log of many files costs its readers, without the files; prints a table of docs/scaling.md.

Usage: python -m tests.bench.metadata WAREHOUSE [--files 1000 12500 61000 ...] [--spark]
Takes the newest file of WAREHOUSE's item_embedding, and writes a checkpoint that names it as often as asked under other
names, with the statistics that a commit writes. Seconds, cold: delta-rs opens the table; DuckDB counts its files with one
content hash in range (as `semid sql` plans a lookup); with --spark, Delta's own log opens it and Spark plans the same lookup.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from semid.tables import query
from tests.bench.paired import header, row, session

MAPPING = pa.map_(pa.string(), pa.string())
ADD = pa.struct([
    ("path", pa.string()), ("partitionValues", MAPPING), ("size", pa.int64()), ("modificationTime", pa.int64()),
    ("dataChange", pa.bool_()), ("stats", pa.string()),
])  # fmt: skip
PROTOCOL = pa.struct([("minReaderVersion", pa.int32()), ("minWriterVersion", pa.int32()),
                      ("readerFeatures", pa.list_(pa.string())), ("writerFeatures", pa.list_(pa.string()))])  # fmt: skip
FORMAT = pa.struct([("provider", pa.string()), ("options", MAPPING)])
METADATA = pa.struct([
    ("id", pa.string()), ("name", pa.string()), ("description", pa.string()), ("format", FORMAT),
    ("schemaString", pa.string()), ("partitionColumns", pa.list_(pa.string())), ("configuration", MAPPING),
    ("createdTime", pa.int64()),
])  # fmt: skip
SCHEMA = pa.schema([("protocol", PROTOCOL), ("metaData", METADATA), ("add", ADD)])
BLOCK = 50_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("warehouse", type=Path)
    parser.add_argument("--files", type=int, nargs="+", default=[1_000, 12_500, 61_000, 500_000])
    parser.add_argument("--spark", action="store_true")
    flags = parser.parse_args()
    spark = session() if flags.spark else None
    actions = actions_of(flags.warehouse / "item_embedding")
    header("files", "checkpoint MiB", "delta-rs opens", "DuckDB plans", *(["Spark plans"] if spark else []))
    for files in flags.files:
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = write_log(Path(folder), actions, files)
            cells = [timed(lambda f=folder: DeltaTable(f)), timed(lambda f=folder: by_duckdb(f))]
            if spark:
                cells.append(timed(lambda f=folder: by_spark(spark, f)))
            row(files, f"{checkpoint.stat().st_size / 2**20:.1f}", *cells)


def timed(action: Any) -> str:
    started = time.monotonic()
    action()
    return f"{time.monotonic() - started:.2f} s"


def by_duckdb(folder: str) -> None:
    connection = query._connection()
    connection.execute(f"EXPLAIN SELECT count(*) FROM delta_scan('{folder}') WHERE content_hash = '7f'").fetchall()


def by_spark(spark: Any, folder: str) -> None:
    frame = spark.read.format("delta").load(folder).where("content_hash = '7f'")
    frame._jdf.queryExecution().executedPlan()
    frame.inputFiles()


def actions_of(table: Path) -> dict[str, Any]:
    """Return the newest protocol, metaData and add of a table."""
    found: dict[str, Any] = {}
    for commit in sorted((table / "_delta_log").glob("*.json")):
        for line in commit.read_text().splitlines():
            found |= {
                name: value for name, value in json.loads(line).items() if name in ("protocol", "metaData", "add")
            }
    return found


def write_log(folder: Path, actions: dict[str, Any], files: int) -> Path:
    """Write a log whose only checkpoint names `files` files; the content hashes are spread over them."""
    log = folder / "_delta_log"
    log.mkdir()
    checkpoint = log / f"{0:020}.checkpoint.parquet"
    first = [{"protocol": actions["protocol"]}, {"metaData": actions["metaData"]}]
    with pq.ParquetWriter(checkpoint, SCHEMA) as writer:
        writer.write_table(pa.Table.from_pylist([shaped(action) for action in first], schema=SCHEMA))
        for start in range(0, files, BLOCK):
            adds = [{"add": add(actions["add"], number, files)} for number in range(start, min(files, start + BLOCK))]
            writer.write_table(pa.Table.from_pylist([shaped(action) for action in adds], schema=SCHEMA))
    (log / "_last_checkpoint").write_text(json.dumps({"version": 0, "size": files + 2}))
    (log / f"{0:020}.json").write_text("\n".join(json.dumps(action) for action in first))
    return checkpoint


def add(known: dict[str, Any], number: int, files: int) -> dict[str, Any]:
    stats = json.loads(known["stats"])
    low, high = (f"{int(end * 16**12):012x}" for end in (number / files, (number + 0.99) / files))
    stats["minValues"]["content_hash"], stats["maxValues"]["content_hash"] = low, high
    name = hashlib.md5(str(number).encode()).hexdigest()  # as long and as hard to compress as Spark's
    return {**known, "path": f"part-{number % 512:05}-{name}-c000.snappy.parquet", "stats": json.dumps(stats)}


def shaped(action: dict[str, Any]) -> dict[str, Any]:
    """Return an action with its maps as the pairs that Arrow takes."""
    (kind, values), maps = next(iter(action.items())), ("partitionValues", "configuration")
    values = {name: list(value.items()) if name in maps else value for name, value in values.items()}
    if "format" in values:
        values["format"] = {"provider": values["format"]["provider"], "options": []}
    return {kind: values}


if __name__ == "__main__":
    main()
