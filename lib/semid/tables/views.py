"""The views and SQL functions that readers use: `schemas/views/`, rendered for Spark and for DuckDB.

Readers resolve the newest published release first and then open `semantic_id` at the version that this
release recorded. Two tables opened one after the other would otherwise show rows of a release that is just
being made: they reach `semantic_id` before its `release` row is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from semid.errors import ConfigError
from semid.tables.lock import local_path
from semid.tables.places import replace_file
from semid.tables.sql_text import delta_path, literal

if TYPE_CHECKING:  # this module also serves the commands that load no Spark
    from semid.tables.store import Store

Engine = Literal["duckdb", "spark"]
CATALOG_FILE = "catalog.sql"
PINNED = ("semantic_id", "semantic_id_change")
# Commits that rewrite files or metadata but no rows.
SAME_ROWS = (
    "OPTIMIZE",
    "VACUUM START",
    "VACUUM END",
    "SET TBLPROPERTIES",
    "UNSET TBLPROPERTIES",
    "ADD CONSTRAINT",
)
_TEMPORARY = "CREATE OR REPLACE TEMPORARY"


@dataclass(frozen=True)
class Shown:
    """One release of one warehouse, as views and functions show it.

    Attributes:
        warehouse: Folder or URI.
        versions: Every table, and the Delta version to read of it; None reads the newest one at each query.
        release_id: The newest published release; later ones are not seen. 0 before the first.
        run_date: Its date; None before the first.
    """

    warehouse: str
    versions: Mapping[str, int | None]
    release_id: int
    run_date: date | None


def statements(engine: Engine, shown: Shown) -> list[str]:
    """Return the statements that make every view and function, in order, for one session of `engine`."""
    views = {name: f"SELECT * FROM {_scan(engine, shown, name)}" for name in sorted(shown.versions)}
    published = f"SELECT * FROM release WHERE status = 'published' AND release_id <= {shown.release_id:d}"
    views["published_release"] = published
    made = [f"{_TEMPORARY} VIEW {name} AS\n{query}" for name, query in views.items()]
    # A warehouse that no job has touched since labels came lacks their tables.
    labels = _template("labels.sql") if {"code_label", "code_map"} <= shown.versions.keys() else []
    return made + _template("views.sql") + labels + _template(f"{engine}.sql")


def render_catalog(engine: Engine, shown: Shown, schema: str | None = None) -> str:
    """Return a script that shows one release to `spark-sql -i`, beeline or the DuckDB shell.

    Args:
        engine: Who runs it.
        shown: The release.
        schema: Schema of the metastore that keeps the views and functions; None makes them for one session.

    Raises:
        ConfigError: The schema's name is no plain name.
    """
    made = statements(engine, shown)
    if schema is not None:
        if not re.fullmatch(r"[A-Za-z_]\w*", schema, re.ASCII):
            raise ConfigError(f"{schema!r} is no name of a schema", next_step="letters, digits and _")
        made = [statement.replace(_TEMPORARY, "CREATE OR REPLACE", 1) for statement in made]
        made = [f"CREATE SCHEMA IF NOT EXISTS {schema}", f"USE {schema}", *made]
    if engine == "duckdb":
        made = ["INSTALL delta", "LOAD delta", *made]
    return "\n".join(_header(engine, shown)) + "\n\n" + "\n\n".join(f"{statement};" for statement in made) + "\n"


def save_catalog(store: Store) -> None:
    """Write `<warehouse>/catalog.sql` for the newest release; readers see the old or the new file, whole."""
    text = render_catalog("spark", resolve(store))
    folder = local_path(store.warehouse)
    if folder is None:
        _write_by_hadoop(store.spark, f"{store.warehouse.rstrip('/')}/{CATALOG_FILE}", text)
        return
    replace_file(folder / CATALOG_FILE, text)


def register(store: Store) -> None:
    """Make the views and functions of the newest release in the store's session, as `catalog.sql` does."""
    for statement in statements("spark", resolve(store)):
        store.spark.sql(statement)


def resolve(store: Store) -> Shown:
    """Return what readers of the newest release are shown, by Spark."""
    from semid.tables.contract import table_names
    from semid.tables.releases import load

    release = load(store).current
    recorded = release.table_versions or {} if release else {}
    pinned = {name: _same_rows(store, name, recorded[name]) for name in PINNED if name in recorded}
    versions = {name: pinned.get(name) for name in table_names()}
    return Shown(store.warehouse, versions, release.release_id if release else 0, release.run_date if release else None)


def _header(engine: Engine, shown: Shown) -> list[str]:
    title = f"release {shown.release_id} of {shown.run_date}" if shown.release_id else "nothing is published yet"
    flags = {
        "spark": 'spark-sql --properties-file <conf/spark/local.conf> -i catalog.sql -e "SELECT ..."',
        "duckdb": 'duckdb -init catalog.sql -c "SELECT ..."',
    }
    return [
        f"-- Views and functions of this warehouse: {title}. Every publish writes <warehouse>/{CATALOG_FILE} anew.",
        "-- The paths are those of the warehouse when this was written; after a move: semid catalog --warehouse DIR",
        f"-- Usage: {flags[engine]}",
    ]


def _scan(engine: Engine, shown: Shown, name: str) -> str:
    path, version = f"{shown.warehouse.rstrip('/')}/{name}", shown.versions[name]
    if engine == "spark":
        return delta_path(path) if version is None else f"{delta_path(path)} VERSION AS OF {version:d}"
    return f"delta_scan({literal(path)}" + (")" if version is None else f", version = {version:d})")


def _same_rows(store: Store, name: str, version: int) -> int:
    # After OPTIMIZE, VACUUM may remove the files of the recorded version: take the newest with the same rows.
    newest = store.version(name)
    if newest == version:
        return version
    later = store.delta(name).history().where(f"version > {version:d}").select("version", "operation").collect()
    changing = [int(commit.version) for commit in later if commit.operation not in SAME_ROWS]
    return min(changing, default=newest + 1) - 1


def _template(name: str) -> list[str]:
    text = resources.files("semid.schemas").joinpath("views", name).read_text(encoding="utf-8")
    return [statement.strip() for statement in text.split(";\n") if statement.strip()]


def _write_by_hadoop(spark: Any, path: str, text: str) -> None:
    target = spark._jvm.org.apache.hadoop.fs.Path(path)
    out = target.getFileSystem(spark._jsc.hadoopConfiguration()).create(target, True)
    try:
        out.write(bytearray(text, "utf-8"))
    finally:
        out.close()
