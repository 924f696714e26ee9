"""Reading and writing the Delta tables of one warehouse."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, Row, SparkSession

from semid.tables.contract import conform, table, table_names


@dataclass(frozen=True)
class Store:
    """The warehouse: one folder per table.

    Attributes:
        spark: The session that reads and writes.
        warehouse: Folder or URI.
    """

    spark: SparkSession
    warehouse: str
    _seen: dict[tuple[str, ...], tuple[int, list[Row]]] = field(default_factory=dict, repr=False, compare=False)

    def path(self, name: str) -> str:
        """Return the folder of table `name`."""
        return f"{self.warehouse.rstrip('/')}/{name}"

    def create_tables(self) -> None:
        """Create every table of the contract that is not there yet."""
        names = table_names()
        with ThreadPoolExecutor(4) as pool:
            missing = [name for name, version in zip(names, pool.map(self.version, names), strict=True) if version < 0]
            list(pool.map(lambda name: self.spark.sql(table(name).create_at(self.path(name))), missing))

    def read(self, name: str, version: int | None = None) -> DataFrame:
        """Return table `name` at `version`; by default at its newest version, pinned now.

        A DataFrame opened without a version moves on when the table does: between two actions of one
        job it would show rows of somebody else's commit.
        """
        pinned = self.version(name) if version is None else version
        return self.spark.read.format("delta").option("versionAsOf", pinned).load(self.path(name))

    def rows(self, name: str, *columns: str) -> list[Row]:
        """Return all rows of a small table, asked of Spark once per version: every step of a night looks at them."""
        key, version = (name, *columns), self.version(name)
        if key not in self._seen or self._seen[key][0] != version:
            self._seen[key] = version, self.read(name, version).select(*(columns or "*")).collect()
        return self._seen[key][1]

    def changes(self, name: str, version: int) -> DataFrame:
        """Return the rows that commit `version` changed, from the change data feed."""
        reader = self.spark.read.format("delta").option("readChangeFeed", "true")
        reader = reader.option("startingVersion", version).option("endingVersion", version)
        return reader.load(self.path(name))

    def version(self, name: str) -> int:
        """Return the newest Delta version of table `name`; -1 when there is no such table."""
        # Delta's own log object: 0.05 s, against 1.3 s for the Spark job behind `history(1)`; a night asks fifty times.
        return int(self._snapshot(name)[1].version())

    def newest_commit(self, name: str) -> int | None:
        """Return the bytes of the newest commit file of a table; None when its log is only a checkpoint."""
        commits = self._snapshot(name)[1].logSegment().deltas()
        return None if commits.isEmpty() else int(commits.last().getLen())

    def live_files(self, name: str) -> tuple[int, int]:
        """Return number and bytes of the data files of a table's newest version."""
        snapshot = self._snapshot(name)[1]
        return int(snapshot.numOfFiles()), int(snapshot.sizeInBytes())

    def disk_use(self, path: str) -> tuple[int, int]:
        """Return number and bytes of the files below a path of the warehouse."""
        jvm: Any = self.spark._jvm
        location = jvm.org.apache.hadoop.fs.Path(self.path(path))
        found = location.getFileSystem(self.spark._jsc.hadoopConfiguration()).getContentSummary(location)
        return int(found.getFileCount()), int(found.getLength())

    def checkpoint(self, name: str, oldest: int | None) -> None:
        """Write the state of a table's newest version in one file, and remove what the log keeps no longer.

        Args:
            name: The table.
            oldest: The oldest version to stay readable; None when only the newest must. Without a checkpoint of its
                own it would need the log before it, which Delta removes by age alone.
        """
        log, snapshot, nothing = self._snapshot(name)
        if oldest is not None:
            log.createCheckpointAtVersion(oldest)
        log.checkpointAndCleanUpDeltaLog(snapshot, nothing)

    def delta(self, name: str) -> DeltaTable:
        """Return table `name` for MERGE and history."""
        return DeltaTable.forPath(self.spark, self.path(name))

    def append(self, df: DataFrame, name: str) -> None:
        """Append rows that fit the table's schema, in one commit."""
        conform(df, name).write.format("delta").mode("append").save(self.path(name))

    def append_rows(self, rows: Sequence[Mapping[str, Any]], name: str) -> None:
        """Append a few rows given as mappings; columns that are left out become null."""
        if not rows:
            return
        frame, known = self.frame(rows, name), self._seen.get((name,))
        self.append(frame, name)
        if known is not None:
            # What `rows` would read: .1 s for .45. Where somebody else has committed in between the version is another.
            self._seen[(name,)] = known[0] + 1, known[1] + frame.collect()

    def frame(self, rows: Sequence[Mapping[str, Any]], name: str) -> DataFrame:
        """Return a few rows given as mappings as a DataFrame of table `name`'s schema."""
        columns = table(name).columns
        data = [tuple(row.get(column) for column in columns) for row in rows]
        return self.spark.createDataFrame(data, table(name).schema).coalesce(1)

    def replace_where(self, df: DataFrame, name: str, condition: str) -> None:
        """Replace the rows that meet `condition` by `df`, in one commit."""
        writer = conform(df, name).write.format("delta")
        # Mostly there is nothing to replace, and then Delta's search for it is most of what a few rows cost.
        none = self.read(name).where(condition).isEmpty()
        writer = writer.mode("append") if none else writer.mode("overwrite").option("replaceWhere", condition)
        writer.save(self.path(name))

    def _snapshot(self, name: str) -> tuple[Any, Any, Any]:
        """Return Delta's log of a table, its newest snapshot, and Scala's None."""
        jvm: Any = self.spark._jvm
        # Whole names: of a dotted one py4j asks for each part, and Java looks for a class `org` in 290 jars (8 ms).
        log = getattr(jvm, "org.apache.spark.sql.delta.DeltaLog").forTable(self.spark._jsparkSession, self.path(name))
        nothing = getattr(jvm, "scala.Option").empty()
        return log, log.update(False, nothing, nothing), nothing


def to_json(value: Any) -> str:
    """Return canonical JSON for a table's JSON columns."""
    return json.dumps(value, sort_keys=True, default=str)
