"""Folders that a job writes outside the warehouse: whole or not at all, and once per run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from semid.errors import ConfigError
from semid.frames.feed_files import glob_escaped
from semid.ids import fingerprint


@dataclass(frozen=True)
class OutputFolder:
    """A folder of files on any file system that Spark writes to.

    Files are written beside it (`<folder>.unfinished`) and moved into place in the end. A kill leaves nothing in the
    folder, and the same run begins anew; a run that finished is known by a mark in its folder.

    Attributes:
        spark: The session.
        path: Where the folder is to be.
        run_id: The run that writes it.
    """

    spark: SparkSession
    path: str
    run_id: str

    def is_done(self) -> bool:
        """Return whether this run wrote the folder before.

        Raises:
            ConfigError: Something else is in its place; it is left as it is.
        """
        if not self._exists(self.path):
            return False
        if self._exists(f"{self.path}/{self._mark}"):
            return True
        raise ConfigError(
            "there is something in the place of the output",
            where=f"--output {self.path}",
            next_step="name a new folder, or remove this one",
        )

    def write(self, rows: DataFrame, name: str = "") -> None:
        """Write rows as Parquet, into the folder `name` of it if one is given."""
        rows.write.mode("overwrite").parquet(f"{self.unfinished}/{name}")

    def read(self, name: str = "") -> DataFrame:
        """Return the rows of a finished folder."""
        return self.spark.read.parquet(glob_escaped(f"{self.path}/{name}"))

    def write_text(self, text: str, name: str) -> None:
        """Write a file of UTF-8 text."""
        target = self._java(f"{self.unfinished}/{name}")
        out = self._files(target).create(target, True)
        try:
            out.write(bytearray(text, "utf-8"))
        finally:
            out.close()

    def finish(self) -> None:
        """Mark what was written and move it into place.

        Raises:
            ConfigError: Something came into its place meanwhile.
        """
        self.write_text(self.run_id, self._mark)
        target = self._java(self.path)
        if self._exists(self.path) or not self._files(target).rename(self._java(self.unfinished), target):
            raise ConfigError("the output could not be moved into place", where=f"{self.unfinished} to {self.path}")

    @property
    def unfinished(self) -> str:
        """Where the files are until they are moved."""
        return f"{self.path}.unfinished"

    @property
    def _mark(self) -> str:
        return f"_run_{fingerprint(self.run_id)}"  # Spark does not read files whose names begin with _

    def _exists(self, path: str) -> bool:
        target = self._java(path)
        return bool(self._files(target).exists(target))

    def _files(self, path: Any) -> Any:
        return path.getFileSystem(self.spark._jsc.hadoopConfiguration())

    def _java(self, path: str) -> Any:
        return self.spark._jvm.org.apache.hadoop.fs.Path(path.rstrip("/"))  # type: ignore[union-attr]
