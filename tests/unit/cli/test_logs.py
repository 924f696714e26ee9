"""Log lines: for people as they always were, as JSON one object per line whatever the text brings."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from semid.cli.logs import Console
from semid.errors import GateBlocked


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """What the one handler of the job's logger writes; the logger is as before afterwards."""
    logger, written = logging.getLogger("semid"), io.StringIO()
    before = logger.handlers, logger.level, logger.propagate
    logger.handlers = [logging.StreamHandler(written)]
    logger.setLevel(logging.INFO)
    yield written
    logger.handlers, logger.level, logger.propagate = before


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def blocked() -> GateBlocked:
    return GateBlocked("1 check failed", where="table drift_report", problems=["psi 0.4"], next_step="look")


def test_json_lines_say_what_the_run_is(out: io.StringIO) -> None:
    """Each line has time, level, logger and message, and the run's date and id from when they are known."""
    console = Console("nightly", "json")
    logging.getLogger("semid.tables").info("%d rows", 3)
    console.tell(run_id="n1")
    logging.getLogger("semid.tables").warning("late")
    first, second = lines(out)
    assert {k: first[k] for k in ("level", "logger", "job", "message")} == {
        "level": "info",
        "logger": "semid.tables",
        "job": "nightly",
        "message": "3 rows",
    }
    assert first["time"].endswith("+00:00")
    assert "run_id" not in first
    assert (second["run_id"], second["level"]) == ("n1", "warning")


@pytest.mark.parametrize("text", ["a\nb", "a\u2028b", "\u202ea", '"}', "\ud800", "\x1b[0m"])
def test_no_text_breaks_a_json_line(out: io.StringIO, text: str) -> None:
    """Line ends, separators, quotes, turned text and half surrogates stay inside one ASCII line."""
    Console("nightly", "json")
    logging.getLogger("semid").info("title %s", text)
    assert out.getvalue().isascii()
    assert out.getvalue().count("\n") == 1
    assert lines(out)[0]["message"] == f"title {text}"


def test_an_error_is_one_json_line_with_its_parts(out: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    """What the message for people says, by name; a traceback only with --debug. stderr has nothing else."""
    console, error = Console("nightly", "json"), blocked()
    error.state = "current release is 41"
    console.report(error, debug=False)
    console.report(error, debug=True)
    plain, debug = lines(out)
    assert plain["message"] == "gate blocked: 1 check failed"
    assert (plain["where"], plain["problems"], plain["next_step"]) == ("table drift_report", ["psi 0.4"], "look")
    assert (plain["exit_code"], plain["state"], plain["level"]) == (4, "current release is 41", "error")
    assert "traceback" not in plain
    assert "GateBlocked" in debug["traceback"]
    assert capsys.readouterr().err == ""


def test_a_crash_is_one_json_line(out: io.StringIO) -> None:
    """What nobody expected keeps its traceback, inside the line."""
    console = Console("nightly", "json")
    try:
        raise ZeroDivisionError("1/0")
    except ZeroDivisionError as error:
        console.crash(error)
    (line,) = lines(out)
    assert line["level"] == "critical"
    assert "test_a_crash_is_one_json_line" in line["traceback"]


def test_text_is_for_people(out: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    """Time and message; the error as the message with where, what and next."""
    console = Console("nightly", "json")
    console.write_as("text")
    logging.getLogger("semid").info("1/6 ingest_catalog")
    console.report(blocked(), debug=False)
    assert out.getvalue().endswith(" 1/6 ingest_catalog\n")
    assert len(out.getvalue().splitlines()) == 1
    assert capsys.readouterr().err == blocked().report() + "\n"


@pytest.mark.parametrize("text", ["a\nb", "a\r\x1b[2K12:00:00 all is well", "a\u2028b", "\u202ea", "\x85", "\ud800"])
def test_no_text_makes_a_second_line_for_people(
    out: io.StringIO, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A title cannot pose as a line of the log, nor turn or clear the terminal; a traceback stands indented below."""
    console = Console("nightly", "text")
    logging.getLogger("semid").info("title %s", text)
    assert len(out.getvalue().splitlines()) == 1
    assert out.getvalue().rstrip("\n").isprintable()
    console.crash(ValueError(text))
    console.report(GateBlocked(text, where=text, problems=[text], next_step=text), debug=False)
    crash, _, report = capsys.readouterr().err.partition("semid: gate blocked")
    assert all(line.startswith("  ") and line.isprintable() for line in crash.splitlines())
    assert len(report.splitlines()) == 4
    logging.getLogger("semid").error("checks", exc_info=ValueError(text))
    _, head, *below = out.getvalue().splitlines()
    assert head.endswith(" checks")
    assert all(line.startswith("  ") and line.isprintable() for line in below)
