"""Which version of each table a reader without Spark opens; found in the Delta logs of a local warehouse.

The newest version of every table, except those whose version the release recorded: they are read as the
release left them, whatever a publish that is under way has already written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from semid.errors import RESTORE, ConfigError, StoredDataError
from semid.tables.lock import local_path
from semid.tables.views import CATALOG_FILE, PINNED


def warehouse_folder(warehouse: str) -> Path:
    """Return the folder of a local warehouse, or raise ConfigError when there is none."""
    folder = local_path(warehouse)
    if folder is None:
        raise ConfigError(
            "what reads without Spark reads warehouses on a local disk only",
            where=f"warehouse: {warehouse}",
            next_step=f'spark-sql -i {warehouse.rstrip("/")}/{CATALOG_FILE} -e "SELECT ..."',
        )
    folder = folder.expanduser().resolve()
    found = {table.name for table in tables_in(folder)} if folder.is_dir() else set()
    if missing := {"release", *PINNED} - found:
        there = folder.exists()
        raise ConfigError(
            "this folder is no warehouse" if there else "there is no folder in this place",
            where=f"warehouse: {folder}",
            problems=[f"no table {name}" for name in sorted(missing)] if there else (),
            next_step="check --warehouse, or make one: semid nightly --catalog PATH --warehouse DIR",
        )
    if "%" in str(folder):
        # DuckDB's delta extension decodes %20 in a path and then looks in another folder.
        raise ConfigError("DuckDB cannot read a path with % in it", where=str(folder), next_step="rename the folder")
    return folder


def tables_in(folder: Path) -> list[Path]:
    """Return the folders of the Delta tables in a warehouse, sorted."""
    named = [path for path in sorted(folder.iterdir()) if re.fullmatch(r"[a-z][a-z0-9_]*", path.name)]
    return [path for path in named if (path / "_delta_log").is_dir()]


def versions_of(tables: list[Path], recorded: Mapping[str, int]) -> dict[str, int]:
    """Return the version to open of each table.

    Args:
        tables: Folders of the tables.
        recorded: Versions that the newest release recorded.

    Raises:
        StoredDataError: A log is empty, or ends before the recorded version.
    """
    versions = {}
    for table in tables:
        newest = newest_version(table)
        pinned = table.name in PINNED and table.name in recorded
        versions[table.name] = _same_rows(table, recorded[table.name], newest) if pinned else newest
    return versions


def newest_version(table: Path) -> int:
    """Return the newest version in a table's log."""
    log = table / "_delta_log"
    names = [re.match(r"(\d{20})\.(json|checkpoint\.)", file.name) for file in log.iterdir()]
    versions = [int(name.group(1)) for name in names if name]
    if not versions:
        raise damaged("the table's log holds no commit", log)
    last = _commit(table, max(versions))
    # Delta readers take an empty commit for one without rows: 3,000 of 4,000 rows came back without an error.
    if last.exists() and last.stat().st_size == 0:
        raise damaged("the newest commit of the table is empty", last)
    return max(versions)


def damaged(what: str, where: Path) -> StoredDataError:
    """Return the error for a table that cannot be read."""
    return StoredDataError(what, where=str(where), next_step=RESTORE)


def _same_rows(table: Path, recorded: int, newest: int) -> int:
    # After OPTIMIZE, VACUUM may remove the files of the recorded version: take the newest with the same rows.
    if recorded > newest:
        raise damaged(f"the newest release recorded version {recorded}, the table's log ends at {newest}", table)
    version = recorded
    while version < newest and not _changes_rows(_commit(table, version + 1)):
        version += 1
    return version


def _changes_rows(commit: Path) -> bool:
    if not commit.exists():
        return True
    try:
        actions = [json.loads(line) for line in commit.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise damaged("a commit of the table is not readable", commit) from error
    files = [action[kind] for action in actions for kind in ("add", "remove") if kind in action]
    return any(file.get("dataChange", True) for file in files)


def _commit(table: Path, version: int) -> Path:
    return table / "_delta_log" / f"{version:020d}.json"
