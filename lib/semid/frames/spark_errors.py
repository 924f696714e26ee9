"""What exceptions of Spark and of the system mean for the operator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from semid.errors import EnvironmentFault, RunConflict, SemidError, StoredDataError


@dataclass(frozen=True)
class _Meaning:
    """A failure that is known by words in its message; `where` None: the file that the message names."""

    signs: tuple[str, ...]
    kind: type[SemidError]
    what: str
    where: str | None
    next_step: str


_AGAIN = "then run this again: what was committed is kept"
_KNOWN = (
    _Meaning(
        ("DELTA_CONCURRENT", "DELTA_METADATA_CHANGED"),
        RunConflict,
        "another writer committed to the same table first",
        "",
        "run this again: it starts from what the other writer left",
    ),
    _Meaning(
        ("No space left on device",),
        EnvironmentFault,
        "the disk is full",
        "the disk of the warehouse, or of Spark's spill files (spark.local.dir)",
        f"free space or enlarge it, {_AGAIN}",
    ),
    _Meaning(
        ("Python worker exited unexpectedly", "Python worker process terminated due to"),
        EnvironmentFault,
        "a Python worker died, and so did those that took its place",
        "the step that the log names last",
        f"often memory: lower embedding.batch_size, or let fewer tasks run at once (N of local[N,4]), {_AGAIN}",
    ),
    _Meaning(
        ("MemoryError", "OutOfMemoryError", "can't allocate memory", "Unable to allocate"),
        EnvironmentFault,
        "memory ran out",
        "the step that the log names last",
        f"raise spark.driver.memory, lower embedding.batch_size or N of local[N,4] (fewer tasks at once), {_AGAIN}",
    ),
    _Meaning(
        ("Answer from Java side is empty", "Error while sending or receiving", "[Errno 111] Connection refused"),
        EnvironmentFault,
        "Spark's Java process has ended",
        "the step that the log names last",
        f"often memory: look at the system's log (dmesg), and how much spark.driver.memory leaves to others, {_AGAIN}",
    ),
    _Meaning(
        # The last: each loss took shuffle files along, and their stage was repeated as often as Spark repeats one.
        ("ExecutorLostFailure", "Master removed our application", "has failed the maximum allowable number of times"),
        EnvironmentFault,
        "executors were lost again and again",
        "the step that the log names last",
        f"look at their logs, often memory: raise spark.executor.memoryOverhead, {_AGAIN}",
    ),
    _Meaning(
        (
            "FAILED_READ_FILE",
            "CANNOT_READ_FILE_FOOTER",
            "could not verify page integrity",
            "ChecksumException",
            "DELTA_VERSIONS_NOT_CONTIGUOUS",
            "DELTA_TRUNCATED_TRANSACTION_LOG",
            "DELTA_LOG_FILE_NOT_FOUND",
            "DELTA_STATE_RECOVER_ERROR",
        ),
        StoredDataError,
        "a file of a table is missing or damaged",
        None,
        "docs/runbook.md, A table is damaged",
    ),
)


def meaning_of(error: BaseException) -> SemidError | None:
    """Return the failure behind an exception of Spark or of the system; None when it is not a known one."""
    return explained("\n".join(_texts(error)))


def explained(text: str) -> SemidError | None:
    """Return what an exception of Spark or of the system means for the operator; None when nothing is known.

    Args:
        text: The exception's message and those of its causes.
    """
    known = next((meaning for meaning in _KNOWN if any(sign in text for sign in meaning.signs)), None)
    if known is None:
        return None
    where = _file_in(text) if known.where is None else known.where
    first = text.strip().splitlines()[0][:300]
    return known.kind(known.what, where=where, problems=[first], next_step=known.next_step)


def _file_in(text: str) -> str:
    found = re.search(r"file:/[^\s'\"]+", text)
    return unquote(found[0]).rstrip(".,:") if found else ""


def _texts(error: BaseException | None) -> Iterator[str]:
    # A bug may say anything: only what Spark and the system raise is looked into.
    while isinstance(error, PySparkException | Py4JError | OSError | MemoryError):
        yield str(error) or type(error).__name__
        # pyspark keeps Java's causes, which name the full disk, in an attribute of its own
        error = getattr(error, "_cause", None)
