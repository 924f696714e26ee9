"""One writer per warehouse, with real processes: one wins, the others are told who, and a dead one holds nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from semid.errors import EnvironmentFault, RunConflict
from semid.tables.lock import writing

HOLD = """
import sys
from semid.tables.lock import writing
with writing(sys.argv[1], "nightly of 2026-01-06"):
    print("held", flush=True)
    sys.stdin.read()
"""
COUNT = """
import sys
from pathlib import Path
from semid.errors import RunConflict
from semid.tables.lock import writing
counter, rounds = Path(sys.argv[1]) / "counter", 100
sys.stdin.readline()
while rounds:
    try:
        with writing(sys.argv[1], "counting"):
            counter.write_text(str(int(counter.read_text()) + 1))
            rounds -= 1
    except RunConflict:
        pass
"""


def process(code: str, warehouse: Path) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code, str(warehouse)], stdin=pipe, stdout=pipe, text=True)


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    """While it lives the error names its run and process; after kill -9 the next run starts, with nothing to clean up."""
    with process(HOLD, tmp_path) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunConflict) as refused, writing(str(tmp_path), "another"):
            pass
        assert f"nightly of 2026-01-06 (process {holder.pid}, since" in str(refused.value)
        assert refused.value.exit_code == 5
        holder.send_signal(signal.SIGKILL)
        assert holder.wait() == -signal.SIGKILL
    assert (tmp_path / ".semid.holder").exists(), "what it left says nothing any more"
    with writing(str(tmp_path), "the next"):
        assert str(os.getpid()) in (tmp_path / ".semid.holder").read_text()
    assert not (tmp_path / ".semid.holder").exists()


def test_writers_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    """Three processes add one to a number, 100 times each, none of them but under the lock."""
    (tmp_path / "counter").write_text("0")
    writers = [process(COUNT, tmp_path) for _ in range(3)]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        assert writer.wait() == 0
        writer.stdin.close()
        writer.stdout.close()
    assert (tmp_path / "counter").read_text() == "300"


def test_a_place_that_cannot_be_written_is_a_fault_of_the_environment(tmp_path: Path) -> None:
    """A file where the folder should be: exit 7 with the place."""
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFault) as refused, writing(str(tmp_path / "file" / "warehouse"), "r"):
        pass
    assert (refused.value.exit_code, refused.value.where) == (7, str(tmp_path / "file" / "warehouse"))
