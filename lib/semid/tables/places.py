"""Where what is written beside the tables lies: Data Docs, run metrics."""

from __future__ import annotations

import os
from pathlib import Path

from semid.tables.lock import local_path


def folder_beside(warehouse: str, folder: str | None) -> Path | None:
    """Return a configured output folder on this machine; None when there is to be none.

    Args:
        warehouse: Folder or URI of the tables.
        folder: A path; a relative one lies in the warehouse, and is none when that is on another file system.

    >>> str(folder_beside("/data/w", "_metrics")), str(folder_beside("s3://b/w", "/var/m"))
    ('/data/w/_metrics', '/var/m')
    >>> folder_beside("s3://b/w", "_metrics"), folder_beside("/data/w", None)
    (None, None)
    """
    if folder is None:
        return None
    place = local_path(folder)
    if place is not None and place.is_absolute():
        return place
    inside = local_path(warehouse)
    return None if inside is None or place is None else inside / place


def replace_file(file: Path, text: str) -> None:
    """Write a file so that whoever reads it meanwhile sees the old or the new one, whole."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)
