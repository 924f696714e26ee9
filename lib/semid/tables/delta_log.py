"""What a Delta log promises: the files of a table and what is in them, read without Spark and without Delta.

A second reader on purpose: Delta takes an emptied commit for one without rows, and answers `count()` from the log
when a data file is gone. Format: delta-io/delta, PROTOCOL.md (actions, checkpoints, version checksums).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

_DEFAULT_KEPT_DAYS = 7
_DAY_MS = 86_400_000
_UNITS_MS = {"hour": 3_600_000, "day": _DAY_MS, "week": 7 * _DAY_MS}
_NO_ACTION = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)
"""What reading an altered action raises: of 1,800 altered bytes of commits, 39 left JSON that is no action."""


@dataclass(frozen=True)
class DataFile:
    """A file that the log names.

    Attributes:
        path: Relative to the table.
        size: Bytes.
        rows: Rows in it; None when the log does not say.
        nulls: Null values per column, as far as the log says.
    """

    path: str
    size: int
    rows: int | None = None
    nulls: Mapping[str, int] = field(default_factory=dict)


@dataclass
class TableLog:
    """The state of a table at its newest version.

    Attributes:
        first: The oldest version that the log still holds.
        last: The newest one; -1 when there is none.
        live: Data files of the newest version.
        removed: Data files of older versions, with the time of their removal in milliseconds.
        changes: Files of the change data feed, with the time of their commit in milliseconds.
        columns: Columns that every data file holds.
        kept_ms: For how long removed files stay.
        problems: What is wrong with the log, in words.
    """

    first: int = 0
    last: int = -1
    live: dict[str, DataFile] = field(default_factory=dict)
    removed: dict[str, tuple[DataFile, int]] = field(default_factory=dict)
    changes: dict[str, tuple[DataFile, int]] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    kept_ms: int = _DEFAULT_KEPT_DAYS * _DAY_MS
    problems: list[str] = field(default_factory=list)

    def required(self, now_ms: int) -> list[DataFile]:
        """Return the files that must be there: those of the newest version, and those removed not long ago."""
        since = now_ms - self.kept_ms
        older = [file for file, when in (*self.removed.values(), *self.changes.values()) if when >= since]
        return [*self.live.values(), *older]


def read_log(table: Path) -> TableLog:
    """Return what the log of a table promises; what cannot be read is among its problems.

    Args:
        table: The folder of the table.
    """
    folder = table / "_delta_log"
    commits, checkpoints, checksums = (_numbered(folder, kind) for kind in (r"json", r"checkpoint\..*", r"crc"))
    state = TableLog(last=max([*commits, *checkpoints], default=-1))
    if state.last < 0:
        state.problems.append("the log holds no commit")
        return state
    state.first = 0 if 0 in commits else min(checkpoints or commits)
    if state.first > 0 and state.first not in checkpoints:
        state.problems.append("the log does not reach back to a checkpoint")
    for version in range(state.first, state.last + 1):
        if version == state.first and version in checkpoints:
            _restore(state, checkpoints[version])
            if version in commits:  # the checkpoint holds it all, but a commit that is damaged is to be named
                _replay(TableLog(problems=state.problems), commits[version][0])
        elif version in commits:
            _replay(state, commits[version][0])
        else:
            state.problems.append(f"commit {version} is missing")
        if version in checkpoints and version != state.first:
            _compare_checkpoint(state, checkpoints[version])
        if version in checksums:
            _compare_checksum(state, checksums[version][0], version)
    if lost := [version for version in checksums if version > state.last]:
        state.problems.append(f"commit {max(lost)} is missing: its checksum file is there")
    return state


def _numbered(folder: Path, kind: str) -> dict[int, list[Path]]:
    found: dict[int, list[Path]] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        if name := re.fullmatch(rf"(\d{{20}})\.{kind}", file.name):
            found.setdefault(int(name.group(1)), []).append(file)
    return found


def _replay(state: TableLog, commit: Path) -> None:
    try:
        actions = [json.loads(line) for line in commit.read_text(encoding="utf-8").splitlines()]
        when = max((int(action["commitInfo"]["timestamp"]) for action in actions if "commitInfo" in action), default=0)
        for action in actions:
            _apply(state, action, when)
    except (OSError, *_NO_ACTION) as error:
        state.problems.append(f"{commit.name} is not readable: {type(error).__name__}: {error}")
        return
    if not actions:
        state.problems.append(f"{commit.name} is empty")


def _apply(state: TableLog, action: Mapping[str, Any], when: int) -> None:
    if (add := action.get("add")) is not None:
        file = _file(add)
        state.live[file.path] = file
        state.removed.pop(file.path, None)
    elif (remove := action.get("remove")) is not None:
        file = _file(remove)
        known = state.live.pop(file.path, file)
        state.removed[file.path] = known, int(remove.get("deletionTimestamp") or when)
    elif (change := action.get("cdc")) is not None:
        file = _file(change)
        state.changes[file.path] = file, when
    elif (metadata := action.get("metaData")) is not None:
        _describe(state, metadata)


def _describe(state: TableLog, metadata: Mapping[str, Any]) -> None:
    partitions = metadata.get("partitionColumns") or ()
    fields = json.loads(metadata["schemaString"])["fields"]
    state.columns = tuple(one["name"] for one in fields if one["name"] not in partitions)
    kept = dict(metadata.get("configuration") or {}).get("delta.deletedFileRetentionDuration", "")
    if asked := re.fullmatch(r"interval (\d+) (hour|day|week)s?", kept):
        state.kept_ms = int(asked.group(1)) * _UNITS_MS[asked.group(2)]


def _file(action: Mapping[str, Any]) -> DataFile:
    stats = json.loads(action.get("stats") or "{}")
    nulls = {name: count for name, count in (stats.get("nullCount") or {}).items() if isinstance(count, int)}
    return DataFile(unquote(action["path"]), int(action.get("size") or 0), stats.get("numRecords"), nulls)


def _restore(state: TableLog, parts: list[Path]) -> None:
    try:
        for action in _checkpointed(state, parts):
            _apply(state, action, 0)
    except _NO_ACTION as error:
        state.problems.append(f"{parts[0].name} is not readable: {type(error).__name__}: {error}")


def _compare_checkpoint(state: TableLog, parts: list[Path]) -> None:
    """Readers start from the newest checkpoint: it must say what the commits before it say."""
    before = len(state.problems)
    files = {unquote(action["add"]["path"] or "") for action in _checkpointed(state, parts) if action.get("add")}
    if len(state.problems) == before and files != set(state.live):
        state.problems.append(f"{parts[0].name} names {len(files)} files, the commits before it {len(state.live)}")


def _checkpointed(state: TableLog, parts: list[Path]) -> Iterator[dict[str, Any]]:
    for part in parts:
        try:
            table = pq.read_table(part, columns=["add", "remove", "metaData"], page_checksum_verification=True)
            rows = table.to_pylist()
        except (OSError, ValueError, pa.ArrowException) as error:
            state.problems.append(f"{part.name} is not readable: {error}")
            continue
        for row in rows:
            yield {name: value for name, value in row.items() if value}


def _compare_checksum(state: TableLog, file: Path, version: int) -> None:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        expected = int(told["numFiles"]), int(told["tableSizeBytes"])
    except (OSError, *_NO_ACTION) as error:
        state.problems.append(f"{file.name} is not readable: {type(error).__name__}: {error}")
        return
    found = len(state.live), sum(one.size for one in state.live.values())
    if found != expected:
        state.problems.append(
            f"commit {version} was changed or lost: the log gives {found[0]} files of {found[1]:,} bytes,"
            f" its checksum {expected[0]} of {expected[1]:,}"
        )
