"""The views and SQL functions that readers use: `schemas/views/`, rendered for Spark and for DuckDB.

Readers resolve the newest published release first and then open `semantic_id` at the version that this
release recorded. Two tables opened one after the other would otherwise show rows of a release that is just
being made: they reach `semantic_id` before its `release` row is written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from semid.tables.lock import local_path

if TYPE_CHECKING:  # this module also serves the commands that load no Spark
    from semid.tables.releases import Release
    from semid.tables.store import Store

CATALOG_FILE = "catalog.sql"
PINNED = ("semantic_id", "semantic_id_change")
# Commits that rewrite files or metadata but no rows.
_SAME_ROWS = (
    "OPTIMIZE",
    "VACUUM START",
    "VACUUM END",
    "SET TBLPROPERTIES",
    "UNSET TBLPROPERTIES",
    "ADD CONSTRAINT",
)


def statements(engine: Literal["duckdb", "spark"], scans: Mapping[str, str], release_id: int) -> list[str]:
    """Return the statements that make every view and function, in order.

    Args:
        engine: Whose function syntax.
        scans: What to read for each table, as it stands behind FROM.
        release_id: The release that was resolved; later ones are not seen. 0 when there is none.
    """
    views = {name: f"SELECT * FROM {scan}" for name, scan in sorted(scans.items())}
    views["published_release"] = f"SELECT * FROM release WHERE status = 'published' AND release_id <= {release_id:d}"
    made = [f"CREATE OR REPLACE TEMPORARY VIEW {name} AS\n{query}" for name, query in views.items()]
    # A warehouse that no job has touched since labels came lacks their tables.
    labels = _template("labels.sql") if {"code_label", "code_map"} <= scans.keys() else []
    return made + _template("views.sql") + labels + _template(f"{engine}.sql")


def render_catalog(warehouse: str, release: Release | None, versions: Mapping[str, int]) -> str:
    """Return the text of `catalog.sql`, which shows one release to `spark-sql -i`.

    Args:
        warehouse: Folder or URI.
        release: The newest published release; None before the first.
        versions: Delta version to read of each table that is pinned.
    """
    title = "nothing is published yet" if release is None else f"release {release.release_id} of {release.run_date}"
    header = [
        f"-- Views and functions of this warehouse: {title}. Written anew by every publish.",
        '-- Usage: spark-sql --properties-file <conf/spark/local.conf> -i catalog.sql -e "SELECT ..."',
    ]
    made = _spark_statements(warehouse, release, versions)
    return "\n".join(header) + "\n\n" + "\n\n".join(f"{statement};" for statement in made) + "\n"


def save_catalog(store: Store) -> None:
    """Write `<warehouse>/catalog.sql` for the newest release; readers see the old or the new file, whole."""
    release, versions = _resolve(store)
    text = render_catalog(store.warehouse, release, versions)
    folder = local_path(store.warehouse)
    if folder is None:
        _write_by_hadoop(store.spark, f"{store.warehouse.rstrip('/')}/{CATALOG_FILE}", text)
        return
    unfinished = folder / f".{CATALOG_FILE}.{os.getpid()}"
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(folder / CATALOG_FILE)


def register(store: Store) -> None:
    """Make the views and functions of the newest release in the store's session, as `catalog.sql` does."""
    release, versions = _resolve(store)
    for statement in _spark_statements(store.warehouse, release, versions):
        store.spark.sql(statement)


def _spark_statements(warehouse: str, release: Release | None, versions: Mapping[str, int]) -> list[str]:
    from semid.tables.contract import table_names

    paths = {name: f"delta.`{warehouse.rstrip('/')}/{name}`" for name in table_names()}
    scans = {n: f"{path} VERSION AS OF {versions[n]:d}" if n in versions else path for n, path in paths.items()}
    return statements("spark", scans, release.release_id if release else 0)


def _resolve(store: Store) -> tuple[Release | None, dict[str, int]]:
    from semid.tables.releases import load

    release = load(store).current
    recorded = release.table_versions or {} if release else {}
    return release, {name: _same_rows(store, name, recorded[name]) for name in PINNED if name in recorded}


def _same_rows(store: Store, name: str, version: int) -> int:
    # After OPTIMIZE, VACUUM may remove the files of the recorded version: take the newest with the same rows.
    newest = store.version(name)
    if newest == version:
        return version
    later = store.delta(name).history().where(f"version > {version:d}").select("version", "operation").collect()
    changing = [int(commit.version) for commit in later if commit.operation not in _SAME_ROWS]
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
