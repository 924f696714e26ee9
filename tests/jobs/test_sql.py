"""`semid sql`: output, wrong queries and places, what a reader sees during a publish, and a light start."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from semid.cli import sql, status
from semid.cli.main import main
from semid.tables.query import open_reader
from tests import warehouse

pytestmark = pytest.mark.spark  # the tables are written by Spark; reading them starts no JVM


@pytest.fixture(scope="module")
def folder(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse with a history; only read."""
    return Path(warehouse.shared(spark, tmp_path_factory).warehouse)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy to damage or to publish into."""
    return Path(shutil.copytree(folder, tmp_path / "copy of it"))


def ask(folder: Path, text: str, *flags: str) -> int:
    return sql.main([text, "--warehouse", str(folder), *flags])


def announce(folder: Path, number: int, **values: Any) -> None:
    """Add a release row to a warehouse, without Spark."""
    table = DeltaTable(str(folder / "release"))
    row = warehouse.release_row(number, "nightly", 1, **values)
    row = {k: list(v.items()) if isinstance(v, dict) else v for k, v in row.items()}
    write_deltalake(table, pa.Table.from_pylist([row], schema=pa.schema(table.schema())), mode="append")


def test_a_table_for_the_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Columns are aligned, numbers to the right, wide characters by their width, NULL empty, controls escaped."""
    assert ask(folder, "SELECT item_id, title, 10.5 AS n, category FROM item_catalog ORDER BY 1") == 0
    assert capsys.readouterr().out.splitlines() == [
        "item_id  title           n  category",
        "-------  -----------  ----  -----------------",
        'i0       =cmd()       10.5  ["Drinks", "Tea"]',
        r'i1       tea\x1b[31m  10.5  ["Drinks", "Tea"]',
        'i2       日本茶       10.5  ["Drinks", "Tea"]',
        'i3                    10.5  ["Drinks", "Tea"]',
        "(4 rows)",
    ]


def test_csv_runs_no_formula(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Text that starts like a formula gets a quote before it; numbers keep their sign; NULL is empty."""
    query = "SELECT title, -1 AS n, '-2+3' AS \"@h\", category FROM item_catalog WHERE item_id IN ('i0', 'i3') ORDER BY item_id"
    assert ask(folder, query, "--format", "csv") == 0
    assert capsys.readouterr().out.splitlines() == [
        "title,n,'@h,category",
        '\'=cmd(),-1,\'-2+3,"[""Drinks"", ""Tea""]"',
        ',-1,\'-2+3,"[""Drinks"", ""Tea""]"',
    ]


def test_json_keeps_types(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object per row: lists, maps and dates as JSON has them, NaN as null, bytes as hex, equal names told apart."""
    query = (
        "SELECT codes, valid_to, 'nan'::FLOAT AS x, 1 AS x, '\\xFF'::BLOB AS b, MAP {'k': 1} AS m, true AS t"
        " FROM semantic_id_current WHERE item_id = 'c'"
    )
    assert ask(folder, query, "--format", "json") == 0
    row = {"codes": [7, 4, 4], "valid_to": None, "x": None, "x_2": 1, "b": "ff", "m": {"k": 1}, "t": True}
    assert json.loads(capsys.readouterr().out) == [row]
    assert ask(folder, "SELECT 1 WHERE false", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("flags", "shown", "cut"),
    [
        ([], 100, True),
        (["--limit", "0"], 1500, False),
        (["--limit", "7"], 7, True),
        (["--format", "csv"], 1500, False),
        (["--format", "csv", "--limit", "1500"], 1500, False),
    ],
)
def test_a_cut_answer_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str], flags: list[str], shown: int, cut: bool
) -> None:
    """A table shows 100 rows, a file all of them; whenever rows are left out, stderr says it."""
    assert ask(folder, "SELECT range AS n FROM range(1500)", *flags) == 0
    captured = capsys.readouterr()
    assert sum(line.strip().isdigit() for line in captured.out.splitlines()) == shown
    assert ("--limit 0 shows all" in captured.err) is cut


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT x FROM semantic_id_current", "not found"),
        ("FROM semantic_id_curent", 'Did you mean "semantic_id_current"'),
        ("", "expected one SELECT, got 0"),
        ("SELECT 1; SELECT 2", "expected one SELECT, got 2"),
        ("SELECT CAST('a' AS INT)", "Could not convert"),
        ("SELECT $1", "parameters"),
        ("SELECT " + "(1+" * 3000 + "1" + ")" * 3000, "depth"),
    ],
)
def test_bad_sql_is_one_message(folder: Path, capsys: pytest.CaptureFixture[str], text: str, says: str) -> None:
    """A wrong query ends with exit 2 and a message without a traceback."""
    assert ask(folder, text) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("semid: query: ")
    assert says in captured.err
    assert len(captured.err.splitlines()) <= 3


def test_what_is_not_there_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing folder, a folder without tables, a file, a URI and a quote in the path end with exit 2 and a next step."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    for place in ("none", ".", "file", "s3://bucket/warehouse", "a`b"):
        for command in ([sql.main, "SELECT 1"], [status.main]):
            assert command[0]([*command[1:], "--warehouse", place]) == 2
            captured = capsys.readouterr()
            assert "next:" in captured.err
            assert captured.out == ""
    assert main(["status"]) == 2
    assert str(tmp_path / "warehouse") in capsys.readouterr().err


def test_the_warehouse_comes_from_the_configuration(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--config names the warehouse as for every job, and --warehouse wins over it."""
    file = tmp_path / "semid.yaml"
    file.write_text(json.dumps({"warehouse": str(folder)}))
    assert sql.main(["SELECT count(*) AS n FROM release", "--config", str(file), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"n": 5}]
    assert sql.main(["SELECT 1", "--config", str(file), "--warehouse", str(tmp_path)]) == 2


def test_a_reader_stays_on_its_release(copy: Path) -> None:
    """A publish between two queries, or half done before the first, is not seen; the next reader sees all of it."""
    early = open_reader(str(copy))
    items = "SELECT item_id FROM semantic_id_current ORDER BY 1"
    assert [row["item_id"] for row in early.mappings(items)] == ["a", "c", "d"]
    newest = DeltaTable(str(copy / "semantic_id")).version()
    announce(copy, 6, table_versions={"semantic_id": newest})
    assert [row["item_id"] for row in early.mappings(items)] == ["a", "c", "d"]
    assert early.mappings("SELECT max(release_id) AS r FROM release") == [{"r": 5}]
    late = open_reader(str(copy))
    assert (early.release_id, late.release_id) == (5, 6)
    assert [row["item_id"] for row in late.mappings(items)] == ["a", "c", "d", "x"]


def test_a_release_without_recorded_versions_reads_the_newest(copy: Path) -> None:
    """A release row that names no versions is no reason to fail."""
    announce(copy, 6, table_versions={})
    assert open_reader(str(copy)).mappings("SELECT count(*) AS n FROM semantic_id") == [{"n": 9}]


@pytest.mark.parametrize("damage", ["empty commit", "lost commit", "no log", "data file gone", "data file cut"])
def test_damaged_tables_are_not_answered_from(copy: Path, capsys: pytest.CaptureFixture[str], damage: str) -> None:
    """What was seen to give silently wrong rows or a foreign error is exit 6, and names the place."""
    table = copy / "semantic_id"
    commits = sorted((table / "_delta_log").glob("*.json"))
    if damage == "empty commit":
        commits[-1].write_bytes(b"")
    if damage == "lost commit":
        announce(copy, 6, table_versions={"semantic_id": len(commits)})
    if damage == "no log":
        for commit in commits:
            commit.unlink()
    for file in table.rglob("part-*.parquet"):
        if damage == "data file gone":
            file.unlink()
        if damage == "data file cut":
            file.write_bytes(file.read_bytes()[:20])
    assert ask(copy, "SELECT sum(dedup_index) FROM semantic_id_current") == 6
    error = capsys.readouterr().err
    assert error.startswith("semid: stored data: ")
    assert str(copy) in error


def test_a_path_that_duckdb_would_decode_is_refused(folder: Path, tmp_path: Path) -> None:
    """The delta extension looks for `a%20b` in `a b`: better no answer than one from another warehouse."""
    shutil.copytree(folder, tmp_path / "a b")
    assert ask(Path(shutil.copytree(folder, tmp_path / "a%20b")), "SELECT 1") == 2


@pytest.mark.parametrize("name", ["a b", "it's", "wé[x]*?#&=+"])
def test_unusual_folder_names_work(folder: Path, tmp_path: Path, name: str) -> None:
    """Blanks, brackets and other scripts in the path are no obstacle; a quote is refused as in every command."""
    copy = shutil.copytree(folder, tmp_path / name)
    assert ask(Path(copy), "SELECT * FROM semantic_id_current") == (2 if "'" in name else 0)


def test_extension_missing_is_an_environment_fault(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another DuckDB than the extension was built for is exit 7 with the command that repairs it."""
    monkeypatch.setattr(duckdb, "__version__", "9.9.9")
    assert ask(folder, "SELECT 1") == 7
    assert "pip install duckdb-extension-delta==9.9.9" in capsys.readouterr().err


def run_alone(arguments: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `semid` in a process of its own, which says what it imported."""
    code = (
        "import sys; from semid.cli.main import main; code = main(sys.argv[1:]);"
        "print(*sorted({'pyspark', 'torch', 'pandas', 'delta', 'sklearn'} & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], input=stdin, capture_output=True, text=True, check=False
    )


def test_start_is_light(folder: Path, tmp_path: Path) -> None:
    """No reading command loads Spark, torch, pandas or scikit-learn: they take seconds to import."""
    query = "SELECT count(*) AS n FROM semantic_id_current"
    for arguments in (
        ["sql", "-", "--format", "csv"],
        ["status"],
        ["report", "--out", str(tmp_path)],
        ["explain", "a"],
    ):
        done = run_alone([*arguments, "--warehouse", str(folder)], stdin=query)
        assert (done.returncode, done.stderr.strip()) == (0, "")
        if arguments[0] == "sql":
            assert done.stdout == "n\n3\n"


def test_a_reader_of_the_output_may_leave(folder: Path) -> None:
    """`semid sql … | head -1` ends without a complaint."""
    command = [sys.executable, "-m", "semid.cli.main", "sql", "SELECT * FROM range(300000)", "--format", "csv"]
    process = subprocess.Popen([*command, "--warehouse", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0
