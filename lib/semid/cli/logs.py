"""What a job says while it runs: lines for people, or one JSON object per line for a log collector."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from semid.errors import SemidError, printable
from semid.redact import redacted, without_secrets

Format = Literal["text", "json"]

_FIELDS = ("where", "problems", "state", "next_step", "exit_code")
"""What a record may bring beside its message; the attributes of an error."""


class JsonLines(logging.Formatter):
    """One JSON object per record: time (UTC), level, logger, what the run is, and the message.

    ASCII only, so that no character of a title ends a line or turns its direction; without secrets.

    Attributes:
        about: What every line says of the run; filled in as it becomes known.
    """

    def __init__(self, about: Mapping[str, str]) -> None:
        super().__init__()
        self.about = dict(about)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"time": time, "level": record.levelname.lower(), "logger": record.name, **self.about}
        line["message"] = record.getMessage()
        line |= {name: getattr(record, name) for name in _FIELDS if getattr(record, name, None)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(without_secrets(line), default=str)


class TextLines(logging.Formatter):
    """Time and message, one line per record; a traceback stands indented below, so that no text can pose as a line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """Return the record's line."""
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Return the traceback of an exception."""
        return below(super().formatException(ei))


def below(text: str) -> str:
    """Return text of several lines for a terminal: each indented, control characters escaped, secrets taken out."""
    return "\n".join(f"  {printable(line)}" for line in redacted(text).splitlines())


class Console:
    """The one handler of a job's logger, on stderr.

    Args:
        job: Name of the job.
        form: How lines are written.
    """

    def __init__(self, job: str, form: Format) -> None:
        self.logger = logging.getLogger("semid")
        self._json = JsonLines({"job": job})
        if not self.logger.handlers:
            self.logger.addHandler(logging.StreamHandler())
            self.logger.setLevel(logging.INFO)
            self.logger.propagate = False
        self.write_as(form)

    def write_as(self, form: Format) -> None:
        """Write lines in this form from here on."""
        self.json = form == "json"
        for handler in self.logger.handlers:
            handler.setFormatter(self._json if self.json else TextLines())

    def tell(self, **about: str) -> None:
        """Let every line say this of the run too; only in JSON, people have the status."""
        self._json.about |= about

    def report(self, error: SemidError, *, debug: bool) -> None:
        """Show the error that ended the job: its message for people, or one line with its parts."""
        if self.json:
            parts = {name: getattr(error, name) for name in _FIELDS}
            self.logger.error("%s: %s", error.title, error.what, extra=parts, exc_info=error if debug else None)
            return
        if debug:
            print(_traceback(error), file=sys.stderr)
        print(error.report(), file=sys.stderr)

    def crash(self, error: Exception) -> None:
        """Show an error that nobody expected, with its traceback."""
        if self.json:
            self.logger.critical("unexpected error: %s", type(error).__name__, exc_info=error)
        else:
            print(_traceback(error), file=sys.stderr)


def _traceback(error: BaseException) -> str:
    return below("".join(traceback.format_exception(error)))
