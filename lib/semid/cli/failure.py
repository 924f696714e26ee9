"""How the failure of a job is shown, and the exit code that it means."""

from __future__ import annotations

from semid.cli.logs import Console
from semid.errors import SemidError
from semid.frames.spark_errors import meaning_of


def show(error: Exception, console: Console, *, debug: bool) -> int:
    """Show the error that ended a job and return its exit code.

    Args:
        error: What the job raised.
        console: Where it logs.
        debug: Whether errors that explain themselves show their traceback too.
    """
    if not isinstance(error, SemidError):
        known = meaning_of(error)
        if known is not None:
            known.__cause__, error = error, known
    if isinstance(error, SemidError):
        console.report(error, debug=debug)
        return error.exit_code
    console.crash(error)
    return 1
