"""The bad-input matrix for configuration and flags: exit code 2 before Spark starts, every problem at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from semid.cli.job import run_job
from semid.jobs.ingest_catalog import JOB

CASES: list[tuple[str, list[str], tuple[str, ...]]] = [
    ("I49 unknown key", ["--set", "catalog.colums.title=x"], ("colums: unknown key", "did you mean 'columns'")),
    ("I49 wrong type", ["--set", "text.max_bytes=many"], ("text.max_bytes", "'many'")),
    ("I49 missing file", ["--config", "nowhere.yaml"], ("cannot be read", "nowhere.yaml")),
    ("I50 no level", ["--set", "codebook.sizes=[]"], ("codebook.sizes", "at least 1")),
    ("I50 one code", ["--set", "codebook.sizes=[1]"], ("codebook.sizes", "greater than or equal to 2")),
    ("I50 many codes", ["--set", "codebook.sizes=[65537]"], ("codebook.sizes", "less than or equal to 65536")),
    ("I50 share", ["--set", "catalog.max_quarantined=1.5"], ("catalog.max_quarantined", "less than or equal to 1")),
    ("I50 NaN", ["--set", "catalog.max_removed=.nan"], ("catalog.max_removed",)),
    ("I50 no", ["--set", "catalog.columns.title=no"], ("catalog.columns.title", "False")),
    ("I51 union", ["--warehouse", "x` where 1=1 union select `y"], ("without quotes, backticks",)),
    ("I51 semicolon", ["--catalog", "feed; drop table run"], ("without quotes, backticks or semicolons",)),
    ("I52 run id", ["--run-id", "../../x"], ("a run id is", "--run-id ../../x")),
    ("I52 absolute run id", ["--run-id", "/etc/x"], ("a run id is",)),
    ("I53 format path", ["--warehouse", "text.`/etc/hostname`"], ("without quotes, backticks",)),
    ("I55 date", ["--run-date", "2026-13-01"], ("YYYY-MM-DD",)),
    ("I55 future", ["--run-date", "2999-01-01"], ("in the future",)),
]


@pytest.mark.parametrize(("flags", "words"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_configuration_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], words: tuple[str, ...]
) -> None:
    """Exit code 2 with a message that names key and value; no table is made."""
    given = flags if "--warehouse" in flags else ["--warehouse", str(tmp_path / "warehouse"), *flags]
    assert run_job(JOB, given) == 2
    message = capsys.readouterr().err
    assert [word for word in words if word not in message] == []
    assert "semid: configuration: " in message
    assert "Traceback" not in message
    assert not (tmp_path / "warehouse").exists()


def test_all_problems_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two wrong settings of a file are one message with two lines."""
    (tmp_path / "my.yaml").write_text("catalog: {modus: snapshot, max_removed: 2.0}")
    assert run_job(JOB, ["--config", str(tmp_path / "my.yaml")]) == 2
    message = capsys.readouterr().err
    assert "2 setting(s) are wrong" in message
    assert "catalog.modus: unknown key, did you mean 'mode'?" in message
    assert "catalog.max_removed" in message
    assert "my.yaml" in message
