"""Queries without Spark: DuckDB over the tables of a local warehouse, read-only, one release at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from semid.errors import ConfigError, EnvironmentFault
from semid.tables.snapshot import damaged, newest_version, tables_in, versions_of, warehouse_folder
from semid.tables.sql_text import literal
from semid.tables.views import Shown, statements

if TYPE_CHECKING:  # a third of a second that only notebooks spend
    import pandas
    import pyarrow as pa

# Table functions that read nothing but their arguments. All others could reach files, memory or the network:
# delta_scan opens any log on the host and any URL, also with external access disabled.
_TABLE_FUNCTIONS = {"semantic_id_as_of", "unnest", "range", "generate_series", "json_each", "json_tree"}
# DuckDB 1.5.5 runs write_blob also with external access disabled: it wrote outside every allowed folder.
_REFUSED = {"write_blob", "write_log", "json_serialize_plan", "get_delta_test_expression", "sleep_ms"}
_BATCH = 1000
_HELP = """semid sql "SHOW TABLES", and semid sql "DESCRIBE semantic_id_current" for the columns"""
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_persistent_secrets": False,
    "python_enable_replacements": False,
    "temp_directory": "",
}


class QueryError(ConfigError):
    """The query is wrong, or asks for more than reading the warehouse."""

    title = "query"


@dataclass(frozen=True)
class Answer:
    """The answer to a query.

    Attributes:
        columns: Column names in order.
        rows: The rows, fetched as they are asked for.
    """

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


@dataclass(frozen=True)
class Reader:
    """A connection that sees one release of one warehouse and can do nothing but read it.

    Attributes:
        folder: The warehouse.
        shown: What it sees: the newest published release when it was made, and a version of every table.
    """

    folder: Path
    shown: Shown
    _connection: duckdb.DuckDBPyConnection

    @property
    def release_id(self) -> int:
        """The release that is seen; 0 when there was none."""
        return self.shown.release_id

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that are there."""
        return tuple(self.shown.versions)

    def ask(self, sql: str) -> Answer:
        """Return the answer to one SELECT; it ends the rows of the answer before.

        Raises:
            QueryError: The SQL is wrong, is not one SELECT, or reaches outside the warehouse.
            StoredDataError: A table's files are missing or damaged.
        """
        with _translated(self.folder):
            _refuse_all_but_reading(self._connection, sql)
            result = self._connection.execute(sql)
            columns = tuple(str(column[0]) for column in result.description or ())
        return Answer(columns, self._rows(result))

    def mappings(self, sql: str) -> list[dict[str, Any]]:
        """Return the answer's rows as mappings; for small answers."""
        answer = self.ask(sql)
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]

    def frame(self, sql: str) -> pandas.DataFrame:
        """Return the answer as a pandas DataFrame, for notebooks; raises what `ask` raises."""
        with _translated(self.folder):
            _refuse_all_but_reading(self._connection, sql)
            return self._connection.execute(sql).df()

    def arrow(self, sql: str) -> pa.Table:
        """Return the answer as an Arrow table, for large ones; raises what `ask` raises."""
        with _translated(self.folder):
            _refuse_all_but_reading(self._connection, sql)
            return self._connection.execute(sql).to_arrow_table()

    def _rows(self, result: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
        while True:
            with _translated(self.folder):
                batch = result.fetchmany(_BATCH)
            if not batch:
                return
            yield from batch


def open_reader(warehouse: str) -> Reader:
    """Return a reader of the newest published release.

    Args:
        warehouse: A local folder.

    Raises:
        ConfigError: There is no warehouse in that place.
        StoredDataError: A table cannot be read, or lacks the version that the release recorded.
        EnvironmentFault: DuckDB's delta extension is not installed.
    """
    folder = warehouse_folder(warehouse)
    connection = _connection()
    with _translated(folder, opening=True):
        # The release comes first: whatever it refers to was written before it.
        release_id, run_date, recorded = _newest_release(connection, folder / "release")
        shown = Shown(str(folder), versions_of(tables_in(folder), recorded), release_id, run_date)
        for statement in statements("duckdb", shown):
            connection.execute(statement)
        _lock(connection, folder)
    return Reader(folder, shown, connection)


def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config=_SETTINGS)
    connection.load_extension(str(_extension()))
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _extension() -> Path:
    # Loaded from its package, not installed: that would copy 80 MB into the home folder, or ask the network.
    file = f"extensions/v{duckdb.__version__}/delta.duckdb_extension"
    try:
        path = Path(str(resources.files("duckdb_extension_delta").joinpath(file)))
    except ModuleNotFoundError:
        path = Path(file)
    if not path.is_file():
        raise EnvironmentFault(
            f"DuckDB {duckdb.__version__} lacks its delta extension",
            where="package duckdb-extension-delta",
            next_step=f"pip install duckdb-extension-delta=={duckdb.__version__}",
        )
    return path


def _lock(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    connection.execute(f"SET allowed_directories = [{literal(f'{folder}/')}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _newest_release(connection: duckdb.DuckDBPyConnection, table: Path) -> tuple[int, date | None, dict[str, int]]:
    row = connection.execute(
        f"SELECT release_id, run_date, table_versions"
        f" FROM delta_scan({literal(str(table))}, version = {newest_version(table):d})"
        " WHERE status = 'published' ORDER BY release_id DESC LIMIT 1"
    ).fetchone()
    return (int(row[0]), row[1], dict(row[2] or {})) if row else (0, None, {})


def _refuse_all_but_reading(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    # A literal, not a parameter: the first parameter makes DuckDB import pandas, which takes 0.3 s.
    ((serialized,),) = connection.execute(f"SELECT json_serialize_sql({literal(sql)})").fetchall()
    try:
        tree = json.loads(serialized)
    except RecursionError as error:
        raise QueryError("the query is nested too deeply") from error
    if tree["error"]:
        raise _refusal(tree["error_message"])
    if len(tree["statements"]) != 1:
        raise QueryError(f"expected one SELECT, got {len(tree['statements'])} statements")
    calls = _calls(tree)
    refused = {name for is_table, name in calls if name in _REFUSED or (is_table and name not in _TABLE_FUNCTIONS)}
    if refused:
        raise QueryError(
            "a query reads the warehouse's tables and nothing else",
            problems=[f"function {name} is not available here" for name in sorted(refused)],
            next_step="name the table itself, for example FROM semantic_id_current",
        )


def _calls(tree: Any) -> Iterator[tuple[bool, str]]:
    """Yield (is a table function, name) of every function call in a parsed query."""
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, list):
            nodes += node
        elif isinstance(node, dict):
            nodes += node.values()
            if node.get("type") == "TABLE_FUNCTION":
                yield True, str(node["function"].get("function_name")).lower()
            elif "function_name" in node:
                yield False, str(node["function_name"]).lower()


def _refusal(message: str) -> QueryError:
    if message.startswith("Only SELECT"):
        return QueryError(
            "only SELECT is possible: semid sql never writes",
            next_step="PIVOT needs its values spelled out: PIVOT t ON c IN (...)",
        )
    return QueryError(message, next_step=_HELP)


@contextmanager
def _translated(folder: Path, *, opening: bool = False) -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise EnvironmentFault(
            "the query needs more memory than there is",
            next_step="select fewer columns or rows, or use spark-sql",
        ) from error
    except duckdb.InternalException:
        raise
    except duckdb.Error as error:
        message = " ".join(str(error).split("\n\nLINE ")[0].split())
        if opening or isinstance(error, duckdb.IOException) or f"{folder}/" in message:
            raise damaged(message, folder) from error
        raise QueryError(message, next_step=_HELP) from error
