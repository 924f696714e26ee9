"""What exceptions of Spark and of the system mean: an exit code, a place, a next step; what is not known stays a bug."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from semid.cli.failure import show, with_state
from semid.cli.logs import Console
from semid.errors import EnvironmentFault, InputRefused, SemidError
from semid.frames.spark_errors import explained

FULL = "Job aborted due to stage failure: Task 0 in stage 3.0 failed 4 times"


@pytest.mark.parametrize(
    ("text", "exit_code", "where"),
    [
        ("[DELTA_CONCURRENT_APPEND] Files were added", 5, ""),
        (f"{FULL}\njava.io.IOException: No space left on device", 7, "spark.local.dir"),
        (f"{FULL}\norg.apache.spark.SparkException: Python worker exited unexpectedly (crashed)", 7, "the step"),
        (f"{FULL}: ExecutorLostFailure (executor 4 exited caused by one of the running tasks)", 7, "the step"),
        (
            "Job aborted due to stage failure: ShuffleMapStage 90 (save at NativeMethodAccessorImpl.java:0) has failed the "
            "maximum allowable number of times: 4. Most recent failure reason: ... Missing an output location for shuffle 33",
            7,
            "the step",
        ),
        (f"{FULL}\nnumpy._core._exceptions._ArrayMemoryError: Unable to allocate 9. GiB for an array", 7, "the step"),
        (
            f"{FULL}\nRuntimeError: DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes",
            7,
            "the step",
        ),
        (f"{FULL}\njava.lang.OutOfMemoryError: Java heap space", 7, "the step"),
        ("Answer from Java side is empty", 7, "the step"),
        ("[DELTA_VERSIONS_NOT_CONTIGUOUS] Versions (1, 3) are not contiguous, see file:/data/w/run.", 6, "/data/w/run"),
        (
            "[FAILED_READ_FILE.NO_HINT] error reading file file:///data/w/semid%20x/p=1/a.parquet.",
            6,
            "/semid x/p=1/a.parquet",
        ),
        ("[FAILED_READ_FILE.FILE_NOT_EXIST] s3://b/w/a.parquet", 6, ""),
    ],
)
def test_known_causes_have_their_exit_code(text: str, exit_code: int, where: str) -> None:
    """Lost race, full disk, no memory, damaged file: with the place where the text names one, and a next step."""
    error = explained(text)
    assert error is not None
    assert error.exit_code == exit_code
    assert where in error.where
    assert error.next_step
    assert error.problems == (text.splitlines()[0],)


@pytest.mark.parametrize("text", ["", "[UNRESOLVED_COLUMN] no column x", "KeyError: 'No space'"])
def test_anything_else_stays_unexpected(text: str) -> None:
    """No message is bent into one that is known."""
    assert explained(text) is None


def test_the_causes_of_an_exception_are_looked_into(capsys: pytest.CaptureFixture[str]) -> None:
    """Spark's own message hides the full disk; its cause says it."""
    outer = OSError(FULL)
    outer._cause = OSError(errno.ENOSPC, "No space left on device")  # type: ignore[attr-defined]
    assert show(outer, Console("nightly", "text"), debug=False) == EnvironmentFault.exit_code
    assert "the disk is full" in capsys.readouterr().err


def test_a_bug_is_shown_whole_whatever_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Only what Spark and the system raise is translated."""
    assert show(ValueError("No space left on device"), Console("nightly", "text"), debug=False) == 1
    assert "ValueError" in capsys.readouterr().err


def unreadable() -> str:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("error", "state", "shown"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), lambda: "release 3", "state: release 3"),
        (OSError(errno.ENOSPC, "No space left on device"), unreadable, "state: unknown, the releases cannot be read"),
        (MemoryError(), lambda: "release 3", "environment: memory ran out"),
        (InputRefused("no rows"), lambda: "release 3", "state: release 3"),
    ],
)
def test_a_translated_failure_says_the_state_too(error: Exception, state: Callable[[], str], shown: str) -> None:
    """A full disk is told like our own refusals; it may keep the releases from being read, and is still what is told."""
    told = with_state(error, state)
    assert isinstance(told, SemidError)
    assert shown in told.report()
    assert told.exit_code == (3 if isinstance(error, InputRefused) else 7)


def test_a_state_that_is_known_is_kept_and_a_bug_stays_one() -> None:
    """A backfill says how far it came; what is not known has no state to be told with."""
    stopped, bug = InputRefused("no rows"), ValueError("x")
    stopped.state = "2 of 3 nights are published"
    assert with_state(stopped, lambda: "release 3").state == "2 of 3 nights are published"  # type: ignore[attr-defined]
    assert with_state(bug, unreadable) is bug
