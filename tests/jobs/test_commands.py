"""What `semid <command>` says of itself."""

from __future__ import annotations

import pytest

from semid.cli.main import READERS, job_names, main


@pytest.mark.parametrize("command", [*job_names(), *READERS])
def test_usage_names_the_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The help of every command can be typed as it stands."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: semid {command} ")


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`semid` alone lists the jobs and the readers, a line each."""
    assert main([]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]]
    assert listed == [*job_names(), *READERS]


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped command is a usage error that shows what there is."""
    assert main(["nightyl"]) == 2
    assert "no command 'nightyl'" in capsys.readouterr().err
