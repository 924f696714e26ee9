"""Every failure a user can meet, one class per exit code of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from semid.redact import redacted


class SemidError(Exception):
    """A failure with the four things its reader needs: what, where, how many, what to do next.

    Args:
        what: One sentence that says what was wrong.
        where: File, table, column or config key that it was wrong in.
        problems: Every single problem, one line each; the first ten are printed.
        next_step: What the reader does now, if possible a command.
    """

    exit_code = 1
    title = "unexpected error"

    def __init__(self, what: str, *, where: str = "", problems: Sequence[str] = (), next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.problems = tuple(problems)
        self.next_step = next_step
        self.state = ""

    def __str__(self) -> str:
        return "; ".join([self.what, *self.problems])

    def report(self) -> str:
        """Return the message for a terminal, without a traceback and without secrets."""
        lines = [f"semid: {self.title}: {printable(self.what)}"]
        if self.where:
            lines.append(f"  where: {printable(self.where)}")
        lines += [f"  - {printable(problem)}" for problem in self.problems[:10]]
        if len(self.problems) > 10:
            lines.append(f"  - and {len(self.problems) - 10} more")
        if self.state:
            lines.append(f"  state: {printable(self.state)}")
        if self.next_step:
            lines.append(f"  next:  {printable(self.next_step)}")
        return "\n".join(lines)


class ConfigError(SemidError):
    """The command line or the configuration is wrong; nothing was read."""

    exit_code = 2
    title = "configuration"


class InputRefused(SemidError):  # noqa: N818 - a refusal, named as the contract names it
    """The feed as a whole cannot be taken; no table was touched."""

    exit_code = 3
    title = "input refused"


class GateBlocked(SemidError):  # noqa: N818
    """A check failed; what readers see is unchanged.

    Attributes:
        run_id: The run whose staged rows were refused.
    """

    exit_code = 4
    title = "gate blocked"
    run_id = ""


class RunConflict(SemidError):  # noqa: N818
    """Another run holds the warehouse, or a run id was used again with other inputs."""

    exit_code = 5
    title = "run conflict"


class StoredDataError(SemidError):
    """Stored data or an artifact fails its check and is not trusted."""

    exit_code = 6
    title = "stored data"


RESTORE = "restore the whole warehouse from one backup: docs/runbook.md, A table is damaged"
"""Next step where stored data is lost. Never one table alone: releases record versions of every table they read."""


class EnvironmentFault(SemidError):  # noqa: N818
    """Java, jars, memory, disk or a model is missing."""

    exit_code = 7
    title = "environment"


class Stopped(SemidError):  # noqa: N818
    """Somebody stopped the job; the code is the one that a shell gives a command ended by Ctrl-C."""

    exit_code = 130
    title = "stopped"


def printable(text: str) -> str:
    r"""Return `text` as one line for a terminal or a log: control characters escaped, secrets taken out.

    >>> printable("password=hunter2\n12:00:00 all is well")
    'password=***\\n12:00:00 all is well'
    """
    return escape_controls(redacted(text))


def escape_controls(text: str) -> str:
    r"""Return `text` with control characters escaped, so that catalog text cannot forge log lines.

    >>> escape_controls("a\nb\x1b[0m")
    'a\\nb\\x1b[0m'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
