"""What exceptions of Spark and of the system mean: an exit code, a place, a next step; what is not known stays a bug."""

from __future__ import annotations

import errno

import pytest

from semid.cli.failure import show
from semid.cli.logs import Console
from semid.errors import EnvironmentFault
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
            "[FAILED_READ_FILE.NO_HINT] error reading file file:///data/w/semid%20x/p=1/a.parquet.",
            6,
            "/semid x/p=1/a.parquet",
        ),
        ("[FAILED_READ_FILE.FILE_NOT_EXIST] s3://b/w/a.parquet", 6, ""),
    ],
)
def test_known_causes_have_their_exit_code(text: str, exit_code: int, where: str) -> None:
    """Lost race, full disk, damaged file: with the place where the text names one, and a next step."""
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
