"""What tells one state of a feed from another, and what tells that its contents are the same."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from pyspark.sql import SparkSession

from semid.frames.feed_files import FeedFile, FeedFiles, fingerprints_of_files

NO_SESSION = cast("SparkSession", None)
"""Files are hashed without one."""


def of(*files: tuple[str, Path | None]) -> tuple[str, str]:
    found = tuple(FeedFile(name, f"file:///{name}", local, 1, 7) for name, local in files)
    return fingerprints_of_files(NO_SESSION, FeedFiles("feed", "csv", found))


def test_contents_do_not_depend_on_the_name_of_an_only_file(tmp_path: Path) -> None:
    """Of several files the names tell which rows are whose; other bytes are another feed."""
    file, other = tmp_path / "a", tmp_path / "b"
    file.write_text("x")
    other.write_text("y")
    (night, contents), (next_night, same) = of(("1.csv", file)), of(("2.csv", file))
    assert (night == next_night, contents == same) == (False, True)
    assert contents != of(("1.csv", other))[1]
    assert of(("1.csv", file), ("2.csv", other))[1] != of(("1.csv", file), ("3.csv", other))[1]


def test_contents_of_files_elsewhere_are_not_known(tmp_path: Path) -> None:
    """Size and time of two files may be equal and their bytes not."""
    (tmp_path / "a").write_text("x")
    assert of(("1.csv", None))[1] == of(("1.csv", tmp_path / "a"), ("2.csv", None))[1] == ""
