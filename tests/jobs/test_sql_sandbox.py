"""What a query of `semid sql` cannot do: write, attach, load, change settings, read other files, use the network."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from semid.tables import query
from semid.tables.query import QueryError, Reader, open_reader
from tests import warehouse

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def folder(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse with a history; only read."""
    return Path(warehouse.shared(spark, tmp_path_factory).warehouse)


@pytest.fixture(scope="module")
def sandbox(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """A reader of a copy, with files and another warehouse beside it that it must not read."""
    root = tmp_path_factory.mktemp("sandbox")
    for name in ("secret", "secret.csv", "secret.parquet"):
        (root / name).write_text("hidden,1\n")
    shutil.copytree(folder, root / "other")
    return open_reader(str(shutil.copytree(folder, root / "warehouse")))


@pytest.mark.parametrize(
    "text",
    [
        "COPY (SELECT 1) TO '{out}'",
        "COPY (SELECT 1) TO '{wh}/out'",
        "ATTACH '{out}' AS x",
        "ATTACH '{wh}/x.db'",
        "EXPORT DATABASE '{wh}/out'",
        "CREATE TABLE t AS SELECT 1",
        "INSERT INTO release SELECT * FROM release",
        "DELETE FROM semantic_id",
        "WITH t AS (DELETE FROM semantic_id RETURNING *) SELECT * FROM t",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "RESET lock_configuration",
        "PRAGMA enable_logging",
        "CALL enable_logging()",
        "EXPLAIN ANALYZE SELECT write_blob('{out}', 'x'::BLOB)",
        "SELECT write_blob('{out}', 'x'::BLOB)",
        "SELECT system.main.write_blob('{wh}/out', 'x'::BLOB)",
        "SELECT list_transform([1], lambda i: WRITE_BLOB('{out}', 'x'::BLOB))",
        "SELECT ('{out}').write_blob('x'::BLOB)",
        "SELECT (SELECT write_blob('{out}', 'x'::BLOB)) FROM release ORDER BY write_blob('{out}', 'x'::BLOB)",
        "SUMMARIZE SELECT write_blob('{out}', 'x'::BLOB)",
        "SELECT * REPLACE (write_blob('{out}', 'x'::BLOB) AS kind) FROM release",
        "SELECT sid_prefix(CASE WHEN write_blob('{out}', 'x'::BLOB) THEN '1' END, 1)",
        "SELECT sum(1) OVER (PARTITION BY write_blob('{out}', 'x'::BLOB)) FROM release",
        "WITH x AS MATERIALIZED (SELECT write_blob('{out}', 'x'::BLOB)) FROM x",
        "SELECT json_serialize_plan('SELECT write_blob(''{out}'', ''x''::BLOB)')",
        "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT write_blob(''{out}'', ''x''::BLOB)'))",
        "SELECT * FROM query('SELECT write_blob(''{out}'', ''x''::BLOB)')",
        "SELECT * FROM query_table('release')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM read_text('{wh}/../secret')",
        "SELECT * FROM '{secret}.csv'",
        'SELECT * FROM "{secret}.parquet"',
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM delta_scan('{other}')",
        "SELECT * FROM system.main.delta_scan('{other}')",
        "SELECT * FROM delta_scan('http://127.0.0.1:9/x')",
        "SELECT * FROM 'http://127.0.0.1:9/x.parquet'",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM arrow_scan(1, 2, 3)",
        "SELECT * FROM folder",
        "SELECT getenv('HOME')",
    ],
)
def test_a_query_can_do_nothing_but_read_the_warehouse(sandbox: Reader, text: str) -> None:
    """Writing, attaching, loading, settings, other files and the network are refused; no file is left behind."""
    root = sandbox.folder.parent
    places = {"wh": sandbox.folder, "out": root / "out", "secret": root / "secret", "other": root / "other" / "release"}
    before = sorted(root.rglob("*"))
    with pytest.raises(QueryError) as refused:
        list(sandbox.ask(text.format(**places)).rows)
    assert "hidden,1" not in refused.value.report()
    assert sorted(root.rglob("*")) == before


def test_every_function_that_touches_the_outside_is_refused(folder: Path) -> None:
    """A DuckDB with a new function that sounds like input or output fails here, to be looked at first."""
    reader = open_reader(str(folder))
    named = (
        query._connection().execute("SELECT DISTINCT function_name, function_type FROM duckdb_functions()").fetchall()
    )
    hints = (
        "write",
        "read",
        "file",
        "copy",
        "load",
        "attach",
        "http",
        "secret",
        "env",
        "log_",
        "plan",
        "delta",
        "exec",
    )
    harmless = {"parse_filename", "parse_duckdb_log_message"}
    sounding = {name for name, kind in named if kind == "scalar" and any(hint in name for hint in hints)}
    assert {"write_blob", "write_log"} <= sounding
    assert sounding - harmless <= query._REFUSED
    for name in sorted({name for name, kind in named if kind.startswith("table")} - query._TABLE_FUNCTIONS):
        with pytest.raises(QueryError, match="nothing else"):
            reader.ask(f"SELECT * FROM {name}()")
