"""Sorted files: lookups read a part of them, and nothing else changes for any reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from semid.tables import layout, views
from semid.tables.query import Reader, open_reader
from semid.tables.store import Store
from tests import scanned
from tests.nights import Nights
from tests.small_nights import copy

pytestmark = pytest.mark.spark

IDS = "SELECT * FROM semantic_id_current WHERE "


@pytest.fixture(scope="module")
def unsorted(nights: Nights) -> Store:
    return nights.store


@pytest.fixture(scope="module")
def sorted_store(nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The warehouse of two nights with each looked-up table in about 16 files."""
    store = copy(nights.store, tmp_path_factory.mktemp("sorted") / "warehouse")
    for name in layout.SORTED_BY:
        assert layout.lay_out(store, name, sixteenth(store, name))
    return store


def sixteenth(store: Store, name: str) -> int:
    """The file size in bytes that makes about 16 files of a table."""
    return sum(DeltaTable(store.path(name)).get_add_actions(flatten=True)["size_bytes"].to_pylist()) // 16


@pytest.fixture(scope="module")
def reader(sorted_store: Store) -> Reader:
    return open_reader(sorted_store.warehouse)


@pytest.fixture(scope="module")
def one(reader: Reader) -> dict[str, Any]:
    """An item and its ID."""
    return reader.mappings("SELECT * FROM semantic_id_current ORDER BY item_id LIMIT 1 OFFSET 150")[0]


def files(store: Store, name: str) -> int:
    return len(DeltaTable(store.path(name)).file_uris())


def test_lookups_skip_files_in_both_engines(sorted_store: Store, reader: Reader, one: dict[str, Any]) -> None:
    """An item and a prefix are found in fewer files than there are; all IDs need all of them."""
    views.register(sorted_store)
    total = files(sorted_store, "semantic_id")
    assert total >= 8
    item, prefix = f"item_id = '{one['item_id']}'", f"semantic_id LIKE '{one['prefixes'][1]}-%'"
    release = files(sorted_store, "release")  # which release is active: read by every query of the view
    for condition in (item, prefix, f"{item} AND {prefix}"):
        assert 1 <= scanned.by_duckdb(reader, IDS + condition) - release <= total // 2, condition
        by_spark = scanned.by_spark(sorted_store.spark.sql(IDS + condition))
        assert 1 <= by_spark <= total // 2, condition
    assert scanned.by_duckdb(reader, IDS + "true") - release == total


def test_catalog_and_vectors_are_found_by_key(reader: Reader, sorted_store: Store, one: dict[str, Any]) -> None:
    """One item's row, changes and vector are in a part of the files."""
    lookups = {
        "item_catalog": f"item_id = '{one['item_id']}'",
        "item_embedding": f"content_hash = '{one['content_hash']}'",
        "semantic_id_change": f"item_id = '{one['item_id']}'",
    }
    for name, condition in lookups.items():
        read = scanned.by_duckdb(reader, f"SELECT * FROM {name} WHERE {condition}")
        assert 1 <= read <= files(sorted_store, name) // 2, name


def test_sorting_changes_no_row_and_no_release(unsorted: Store, sorted_store: Store, reader: Reader) -> None:
    """Readers see the same rows of the same release, and a second look finds the first release's table as well."""
    before = open_reader(unsorted.warehouse)
    assert reader.release_id == before.release_id
    for name in layout.SORTED_BY:
        rows = sorted(map(str, before.ask(f"SELECT * FROM {name}").rows))
        assert sorted(map(str, reader.ask(f"SELECT * FROM {name}").rows)) == rows
    for name in views.PINNED:
        assert views.resolve(sorted_store).versions[name] == sorted_store.version(name) > unsorted.version(name)


def test_nothing_is_rewritten_without_a_reason(sorted_store: Store) -> None:
    """Neither what was sorted last, nor what is one file; and the session's settings stay as they were."""
    assert files(sorted_store, "codebook") == 1
    versions = {name: sorted_store.version(name) for name in ("semantic_id", "codebook")}
    assert not any(layout.lay_out(sorted_store, name, sixteenth(sorted_store, name)) for name in versions)
    assert {name: sorted_store.version(name) for name in versions} == versions
    assert sorted_store.spark.conf.get(layout._MAX_FILE, None) is None


def test_a_table_that_changed_is_sorted_again_and_a_small_one_is_packed(sorted_store: Store, tmp_path: Path) -> None:
    """A new row is reason enough; below the wanted size the files become one."""
    store = copy(sorted_store, tmp_path / "warehouse")
    store.append(store.read("item_catalog").limit(1), "item_catalog")
    assert layout.lay_out(store, "item_catalog", sixteenth(store, "item_catalog"))
    assert files(store, "item_catalog") > 3
    assert layout.lay_out(store, "item_catalog")
    assert files(store, "item_catalog") == 1


def test_delta_rs_reads_what_every_view_stands_on(sorted_store: Store, reader: Reader) -> None:
    """Every table, at the version that readers are shown: delta-rs and DuckDB see the same rows."""
    for name, version in reader.shown.versions.items():
        stored = DeltaTable(sorted_store.path(name), version=version).to_pyarrow_table()
        assert canonical(stored.to_pylist()) == canonical(reader.mappings(f"SELECT * FROM {name}")), name


def canonical(rows: list[dict[str, Any]]) -> list[str]:
    """Rows in an order of their own; a map is a list of pairs for delta-rs, a timestamp has a zone."""

    def plain(value: Any) -> str:
        if isinstance(value, dict):
            value = list(value.items())
        return str(value).replace("+00:00", "")

    return sorted(str([(key, plain(value)) for key, value in row.items()]) for row in rows)
