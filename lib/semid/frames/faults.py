"""Errors of semid that happen in a Python worker, brought back to the driver as themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from semid import errors

# Spark brings the text of a worker's exception to the driver, not the exception: the text carries the error.
_CARRIED = re.compile(r'semid-fault:(\{"error".*\})')


@contextmanager
def carried() -> Iterator[None]:
    """In a worker: raise a semid error in the form that survives the way to the driver."""
    try:
        yield
    except errors.SemidError as error:
        rest = {"where": error.where, "problems": error.problems[:20], "next_step": error.next_step}
        carrier = json.dumps({"error": type(error).__name__, "what": error.what, "rest": rest})
        raise RuntimeError("semid-fault:" + carrier) from error


@contextmanager
def from_workers() -> Iterator[None]:
    """On the driver: raise the semid error that failed a worker of the action inside."""
    try:
        yield
    except Exception as error:
        # From a Delta write it comes as a bare Py4JJavaError, from other actions as a PySparkException.
        match = _CARRIED.search(str(error))
        if match is None:
            raise
        carrier = json.loads(match[1])
        raise getattr(errors, carrier["error"])(carrier["what"], **carrier["rest"]) from error
