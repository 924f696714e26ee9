"""How the failure of a job is shown, and the exit code that it means."""

from __future__ import annotations

from collections.abc import Callable

from semid.cli.logs import Console
from semid.errors import SemidError
from semid.frames.spark_errors import meaning_of


def with_state(error: Exception, state: Callable[[], str]) -> Exception:
    """Return the failure that is shown for `error`, with the state things are in; an unknown one as it is.

    Args:
        error: What ended the work on the tables.
        state: Says what readers see now. It reads the tables, which a full disk or a damaged file may prevent too.
    """
    known = error if isinstance(error, SemidError) else meaning_of(error)
    if known is None:
        return error
    if not known.state:
        try:
            known.state = state()
        except Exception as failed:
            known.state = f"unknown, the releases cannot be read ({type(failed).__name__}); see semid status"
    return known


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
