"""One writer per warehouse on local disks.

Spark commits on a local disk by a plain rename, which may overwrite: two JVMs racing for 3,000 log versions
lost one commit that both reported as done. A file lock that the kernel frees with its holder guards them.
On object stores Delta's own commit protocol decides, and a losing commit surfaces as a conflict.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from semid.errors import EnvironmentFault, RunConflict


def local_path(warehouse: str) -> Path | None:
    """Return the warehouse as a local path; None when it is on another file system."""
    if warehouse.startswith("file:"):
        return Path("/" + warehouse.removeprefix("file:").lstrip("/"))
    return None if "://" in warehouse else Path(warehouse)


@contextmanager
def writing(warehouse: str, holder: str) -> Iterator[None]:
    """Hold the warehouse for one writer.

    Args:
        warehouse: Folder or URI.
        holder: Who holds it, in words that help the one who is refused.

    Raises:
        RunConflict: Another run holds it; names that run.
        EnvironmentFault: The folder cannot be written.
    """
    folder = local_path(warehouse)
    if folder is None:
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".semid.lock")
        lock.acquire(blocking=False)
    except Timeout as error:
        raise RunConflict(
            f"another run holds the warehouse: {_read_holder(folder)}",
            where=str(folder),
            next_step="wait until it has ended, then run this again; nothing was changed",
        ) from error
    except OSError as error:
        raise EnvironmentFault(
            f"the warehouse cannot be written: {error.strerror}",
            where=str(folder),
            next_step="check the path, its permissions and the free space of its disk",
        ) from error
    try:
        who = {"run": holder, "pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
        (folder / ".semid.holder").write_text(json.dumps(who))
        yield
    finally:
        (folder / ".semid.holder").unlink(missing_ok=True)
        lock.release()


def _read_holder(folder: Path) -> str:
    try:
        who = json.loads((folder / ".semid.holder").read_text())
        return f"{who['run']} (process {who['pid']}, since {who['since']})"
    except (OSError, ValueError, KeyError):
        return "a run that has just started or ended"
