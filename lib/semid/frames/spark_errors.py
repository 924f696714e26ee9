"""What exceptions of Spark and of the system mean for the operator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from semid.errors import EnvironmentFault, RunConflict, SemidError, StoredDataError

_LOST = ("DELTA_CONCURRENT", "DELTA_METADATA_CHANGED")
_FULL = "No space left on device"
_UNREADABLE = ("FAILED_READ_FILE", "CANNOT_READ_FILE_FOOTER", "could not verify page integrity")


def meaning_of(error: BaseException) -> SemidError | None:
    """Return the failure behind an exception of Spark or of the system; None when it is not a known one."""
    return explained("\n".join(_texts(error)))


def explained(text: str) -> SemidError | None:
    """Return what an exception of Spark or of the system means for the operator; None when nothing is known.

    Args:
        text: The exception's message and those of its causes.
    """
    first = text.strip().splitlines()[0][:300] if text.strip() else ""
    if any(sign in text for sign in _LOST):
        return RunConflict(
            "another writer committed to the same table first",
            problems=[first],
            next_step="run this again: it starts from what the other writer left",
        )
    if _FULL in text:
        return EnvironmentFault(
            "the disk is full",
            where="the disk of the warehouse, or of Spark's spill files (spark.local.dir)",
            problems=[first],
            next_step="free space or enlarge it, then run this again: what was committed is kept",
        )
    if any(sign in text for sign in _UNREADABLE):
        file = re.search(r"file:/[^\s'\"]+", text)
        return StoredDataError(
            "a file of a table is missing or damaged",
            where=unquote(file[0]).rstrip(".,:") if file else "",
            problems=[first],
            next_step="docs/runbook.md, A table is damaged",
        )
    return None


def _texts(error: BaseException | None) -> Iterator[str]:
    # A bug may say anything: only what Spark and the system raise is looked into.
    while isinstance(error, PySparkException | Py4JJavaError | OSError):
        yield str(error)
        # pyspark keeps Java's causes, which name the full disk, in an attribute of its own
        error = getattr(error, "_cause", None)
