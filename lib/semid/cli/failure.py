"""How the failure of a job is shown, and the exit code that it means."""

from __future__ import annotations

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from semid.cli.logs import Console
from semid.errors import RunConflict, SemidError


def show(error: Exception, console: Console, *, debug: bool) -> int:
    """Show the error that ended a job and return its exit code.

    Args:
        error: What the job raised.
        console: Where it logs.
        debug: Whether errors that explain themselves show their traceback too.
    """
    if isinstance(error, PySparkException | Py4JJavaError) and _is_lost_race(error):
        error = _lost_race(error)
    if isinstance(error, SemidError):
        console.report(error, debug=debug)
        return error.exit_code
    console.crash(error)
    return 1


def _is_lost_race(error: Exception) -> bool:
    return "DELTA_CONCURRENT" in str(error) or "DELTA_METADATA_CHANGED" in str(error)


def _lost_race(error: Exception) -> RunConflict:
    return RunConflict(
        "another writer committed to the same table first",
        problems=[str(error).strip().splitlines()[0][:300]],
        next_step="run this again: it starts from what the other writer left",
    )
