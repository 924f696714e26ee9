"""Views and SQL functions: Spark and DuckDB give the same rows, those that Python computes from the history."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from semid.ids import overlap, parse_id, prefixes
from semid.tables import views
from semid.tables.contract import table_names
from semid.tables.query import Reader, open_reader
from semid.tables.store import Store
from tests import warehouse
from tests.warehouse import PUBLISHED_IDS, day, release_row

pytestmark = pytest.mark.spark

IDS = ["12-153-87", "12-153-87#1", "12-153", "12", "0-0-0", "12-15-87", "2-153-87#12", "120-153", "4000000000-1"]
NO_IDS = ["", "-", "a-b", "01-2", "1-2#0", "1--2", " 1", "1.5"]
VALUES = [*IDS, *NO_IDS, None]


@pytest.fixture(scope="module")
def store(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Store:
    history = warehouse.shared(spark, tmp_path_factory)
    views.register(history)
    return history


@pytest.fixture(scope="module")
def reader(store: Store) -> Reader:
    return open_reader(store.warehouse)


def in_spark(store: Store, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in store.spark.sql(sql).collect()]


def in_duckdb(reader: Reader, sql: str) -> list[tuple[Any, ...]]:
    return list(reader.ask(sql).rows)


def items_on(rows: list[dict[str, Any]], version: int, date: Any) -> list[tuple[str, str]]:
    """The IDs of codebook `version` that are valid on a day, from the history itself."""
    valid = [r for r in rows if r["valid_from"] <= date and (r["valid_to"] is None or date < r["valid_to"])]
    return sorted((r["item_id"], r["semantic_id"]) for r in valid if r["codebook_version"] == version)


def literal(value: str | None) -> str:
    return "CAST(NULL AS STRING)" if value is None else f"'{value}'"


def values(rows: list[tuple[str | None, str | None]]) -> str:
    return ", ".join(f"({i}, {literal(a)}, {literal(b)})" for i, (a, b) in enumerate(rows))


def prefix_by_python(value: str | None, n: int | None) -> str | None:
    if value is None or value in NO_IDS or n is None or n < 0:
        return None
    return "" if n == 0 else prefixes(parse_id(value)[0])[:n][-1]


def level_by_python(value: str | None, n: int | None) -> int | None:
    codes = [] if value is None or value in NO_IDS else list(parse_id(value)[0])
    code = codes[n - 1] if n is not None and 1 <= n <= len(codes) else None
    return code if code is None or code < 2**31 else None


def overlap_by_python(a: str | None, b: str | None) -> int | None:
    return None if a is None or b is None or {a, b} & set(NO_IDS) else overlap(a, b)


def test_prefix_and_level_equal_python_in_both_engines(store: Store, reader: Reader) -> None:
    """#k never matters; beyond the last level, for NULL and for what is no ID there is NULL."""
    depths = [None, -1, 0, 1, 2, 3, 4, 99]
    selected = ", ".join(
        f"sid_prefix(id, {'NULL' if n is None else n}), sid_level(id, {'NULL' if n is None else n})" for n in depths
    )
    sql = f"SELECT {selected} FROM (VALUES {values([(v, None) for v in VALUES])}) AS t(i, id, other) ORDER BY i"
    expected = [
        tuple(f(value, n) for n in depths for f in (prefix_by_python, level_by_python))  # pairs, as selected
        for value in VALUES
    ]
    assert in_duckdb(reader, sql) == expected
    assert in_spark(store, sql) == expected


def test_overlap_equals_python_in_both_engines(store: Store, reader: Reader) -> None:
    """Every pair of IDs, of different lengths too, has the overlap that semid.ids gives."""
    pairs = [(a, b) for a in VALUES for b in VALUES]
    sql = f"SELECT sid_overlap(a, b) FROM (VALUES {values(pairs)}) AS t(i, a, b) ORDER BY i"
    expected = [(overlap_by_python(a, b),) for a, b in pairs]
    assert in_duckdb(reader, sql) == expected
    assert in_spark(store, sql) == expected


def test_a_line_end_makes_no_id(store: Store, reader: Reader) -> None:
    """A regular expression's $ also matches before a last line end: the functions do not."""
    sql = "SELECT sid_prefix(concat('1-2', chr(10)), 1), sid_overlap(concat('1-2', chr(10)), '1-2')"
    assert in_duckdb(reader, sql) == in_spark(store, sql) == [(None, None)]


def test_current_is_the_rolled_back_codebook_without_the_publish_under_way(store: Store, reader: Reader) -> None:
    """The newest published release decides; rows that no release has announced are not seen."""
    sql = "SELECT item_id, semantic_id FROM semantic_id_current ORDER BY item_id"
    expected = items_on(PUBLISHED_IDS, 1, day(5))
    assert [item for item, _ in expected] == ["a", "c", "d"]
    assert in_duckdb(reader, sql) == in_spark(store, sql) == expected


def test_as_of_takes_the_codebook_and_the_rows_of_that_day(store: Store, reader: Reader) -> None:
    """A log row of any day joins to the ID that was served on it; the blocked release changed nothing."""
    active = {1: 1, 2: 1, 3: 2, 4: 2, 5: 1, 9: 1}
    selects = [f"SELECT {n} AS d, item_id, semantic_id FROM semantic_id_as_of(DATE '2026-01-0{n}')" for n in active]
    sql = " UNION ALL ".join(selects) + " ORDER BY d, item_id"
    expected = [(n, *row) for n, version in active.items() for row in items_on(PUBLISHED_IDS, version, day(n))]
    assert in_duckdb(reader, sql) == expected
    assert in_spark(store, sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM semantic_id_as_of(DATE '2025-12-31')",
        "SELECT * FROM active_codebook ORDER BY release_id",
        "SELECT * EXCLUDE (created_at, table_versions, counts) FROM published_release ORDER BY release_id",
        "SELECT sid_prefix(semantic_id, 1) AS shelf, count(*) FROM semantic_id_current GROUP BY 1 ORDER BY 1",
        "SELECT item_id, sid_level(semantic_id, 2), sid_overlap(semantic_id, '5-1-9') FROM semantic_id ORDER BY 1, 2, 3",
        "SELECT c.item_id, n.item_id FROM semantic_id_current c JOIN semantic_id_current n"
        " ON sid_overlap(c.semantic_id, n.semantic_id) >= 1 AND c.item_id < n.item_id",
        "SELECT l.d, s.item_id, s.semantic_id FROM (VALUES (DATE '2026-01-01', 'b'), (DATE '2026-01-03', 'a')) AS l(d, i)"
        " JOIN semantic_id s ON s.item_id = l.i AND s.valid_from <= l.d AND (s.valid_to IS NULL OR s.valid_to > l.d)"
        " JOIN active_codebook a ON a.codebook_version = s.codebook_version"
        " AND a.active_from <= l.d AND (a.active_to IS NULL OR a.active_to > l.d) ORDER BY l.d",
    ],
)
def test_both_engines_answer_alike(store: Store, reader: Reader, sql: str) -> None:
    """An analyst's query gives the same rows with and without Spark."""
    spark_sql = sql.replace("EXCLUDE", "EXCEPT")
    assert in_duckdb(reader, sql) == in_spark(store, spark_sql)


def test_a_log_joins_to_the_id_of_its_day(reader: Reader) -> None:
    """The join of the docs gives b's ID of the first day, and a's under the codebook of the third."""
    sql = (
        "SELECT item_id, semantic_id FROM semantic_id_as_of('2026-01-01') WHERE item_id = 'b'"
        " UNION ALL SELECT item_id, semantic_id FROM semantic_id_as_of('2026-01-03') WHERE item_id = 'a'"
    )
    assert in_duckdb(reader, sql) == [("b", "5-1-2#1"), ("a", "1-1-1-1")]


def test_catalog_file_makes_the_same_views(store: Store) -> None:
    """The statements of catalog.sql, run in a session of their own, answer as the registered ones."""
    views.save_catalog(store)
    file = Path(store.warehouse) / views.CATALOG_FILE
    text = file.read_text(encoding="utf-8")
    assert "release 5 of 2026-01-05" in text
    assert [f.name for f in file.parent.iterdir() if f.name.startswith(".catalog")] == []
    session = store.spark.newSession()
    for statement in text.split(";\n"):
        if statement.strip():
            session.sql(statement)
    query = "SELECT item_id, sid_prefix(semantic_id, 1) FROM semantic_id_current ORDER BY 1"
    assert [tuple(row) for row in session.sql(query).collect()] == [("a", "5"), ("c", "7"), ("d", "12")]


def test_catalog_file_reaches_other_file_systems(store: Store, tmp_path: Path) -> None:
    """Where the warehouse is no local folder, Hadoop's file system writes the file, over an old one too."""
    for text in ("old and longer", "né"):
        views._write_by_hadoop(store.spark, (tmp_path / "catalog.sql").as_uri(), text)
    assert (tmp_path / "catalog.sql").read_text(encoding="utf-8") == "né"


def test_before_the_first_release_nothing_is_current(store: Store) -> None:
    """Without a release the catalog still works, and shows no IDs."""
    nothing = views.Shown(store.warehouse, dict.fromkeys(table_names()), 0, None)
    text = views.render_catalog("spark", nothing)
    session = store.spark.newSession()
    for statement in text.split(";\n"):
        if statement.strip():
            session.sql(statement)
    assert session.sql("SELECT * FROM semantic_id_current").count() == 0
    assert "nothing is published yet" in text


def test_optimized_and_vacuumed_tables_stay_readable(store: Store, tmp_path: Path) -> None:
    """After OPTIMIZE and VACUUM the recorded version is gone; readers take the newest one with the same rows."""
    copy = Store(store.spark, str(tmp_path / "copy"))
    shutil.copytree(store.warehouse, copy.warehouse)
    recorded = copy.version("semantic_id")
    copy.append_rows([release_row(6, "nightly", 1, table_versions={"semantic_id": recorded})], "release")
    before = sorted(map(str, copy.read("semantic_id").collect()))
    store.spark.sql(f"OPTIMIZE delta.`{copy.path('semantic_id')}`")
    DeltaTable(copy.path("semantic_id")).vacuum(0, dry_run=False, enforce_retention_duration=False)
    optimized = views.resolve(copy).versions["semantic_id"]
    assert optimized > recorded
    assert sorted(map(str, copy.read("semantic_id", optimized).collect())) == before
    assert open_reader(copy.warehouse).mappings("SELECT count(*) AS n FROM semantic_id") == [{"n": len(before)}]


@pytest.mark.parametrize("name", table_names())
def test_delta_rs_reads_the_same_rows(store: Store, name: str) -> None:
    """Every table is readable by delta-rs: no feature is used that only Spark knows."""

    def canonical(rows: list[dict[str, Any]]) -> list[str]:
        return sorted(json.dumps(row, sort_keys=True, default=str) for row in rows)

    by_spark = canonical(store.spark.read.format("delta").load(store.path(name)).toArrow().to_pylist())
    assert canonical(DeltaTable(store.path(name)).to_pyarrow_table().to_pylist()) == by_spark
