"""`semid catalog`: the script of views and functions, for every place and engine, written without Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from semid.cli import catalog
from semid.tables import query
from semid.tables.views import CATALOG_FILE
from tests.nights import Nights
from tests.small_nights import copy

pytestmark = pytest.mark.spark

IDS = "SELECT item_id, sid_prefix(semantic_id, 2) AS family FROM semantic_id_current ORDER BY item_id"


def script(warehouse: Path | str, capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    assert catalog.main(["--warehouse", str(warehouse), *flags]) == 0
    return capsys.readouterr().out


def statements(text: str) -> list[str]:
    return [statement for statement in text.split(";\n") if statement.strip()]


def ids(nights: Nights) -> list[tuple[Any, ...]]:
    return list(query.open_reader(str(nights.warehouse)).ask(IDS).rows)


def test_it_is_what_the_publish_wrote(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    """The reader without Spark finds the release, its tables and versions that the publish found with it."""
    assert script(nights.warehouse, capsys) == (nights.warehouse / CATALOG_FILE).read_text(encoding="utf-8")


def test_a_copied_warehouse_gets_a_script_of_its_own(
    nights: Nights, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file that came with the copy names the old place, the printed one nothing but the new one."""
    moved = copy(nights.store, tmp_path / "moved")
    text = script(moved.warehouse, capsys)
    assert f"{nights.warehouse}/" not in text
    assert text.replace(moved.warehouse, str(nights.warehouse)) == (tmp_path / "moved" / CATALOG_FILE).read_text()


def test_views_in_a_schema_are_there_for_every_session(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    """Run once, they answer in sessions that never saw the script."""
    spark: Any = nights.store.spark
    try:
        maker, other = spark.newSession(), spark.newSession()
        for statement in statements(script(nights.warehouse, capsys, "--schema", "semid_test")):
            maker.sql(statement)
        named = IDS.replace("sid_prefix", "semid_test.sid_prefix").replace("FROM ", "FROM semid_test.")
        assert [tuple(row) for row in other.sql(named).collect()] == ids(nights)
        other.sql("USE semid_test")
        assert [tuple(row) for row in other.sql(IDS).collect()] == ids(nights)
        on_day = other.sql("SELECT count(*) FROM semantic_id_as_of(DATE '2026-01-05')").collect()
        assert on_day[0][0] == 300
    finally:
        spark.sql("DROP SCHEMA IF EXISTS semid_test CASCADE")


def test_the_duckdb_shell_gets_the_same_rows(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    """The script runs in a DuckDB that knows nothing of semid; only the extension's download is left out here."""
    connection = query._connection()
    made = statements(script(nights.warehouse, capsys, "--engine", "duckdb"))
    assert [statement.split()[-2:] for statement in made[:2]] == [["INSTALL", "delta"], ["LOAD", "delta"]]
    for statement in made[2:]:
        connection.execute(statement)
    assert connection.execute(IDS).fetchall() == ids(nights)


@pytest.mark.parametrize(
    "flags", [("--schema", "a b"), ("--schema", "x; DROP"), ("--engine", "duckdb", "--schema", "x")]
)
def test_a_wrong_schema_is_refused(nights: Nights, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]) -> None:
    """Exit 2 and a next step, and nothing that could be taken for a script."""
    assert catalog.main(["--warehouse", str(nights.warehouse), *flags]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "next:" in captured.err
