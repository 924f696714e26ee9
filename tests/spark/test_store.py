"""What the store keeps in memory is what the table holds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from pyspark.sql import Row

from semid.tables.store import Store

MOMENT = datetime(2026, 1, 1, 3, 4, 5, 678901, tzinfo=UTC)


def run(name: str) -> dict[str, object]:
    day = date(2026, 1, 1)
    return {
        "run_id": name,
        "job": "nightly",
        "run_date": day,
        "status": "done",
        "started_at": MOMENT,
        "seconds": 0.1,
        "semid_version": "1",
    }


def ordered(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.run_id)


def test_rows_that_were_appended_are_those_that_a_new_look_finds(store: Store) -> None:
    """Known before or not, value by value; a commit of somebody else in between is seen."""
    assert store.rows("run") == []
    store.append_rows([run("a"), run("b")], "run")
    other = Store(store.spark, store.warehouse)
    assert ordered(store.rows("run")) == ordered(other.rows("run"))
    other.append_rows([run("c")], "run")
    store.append_rows([run("d")], "run")
    assert [row.run_id for row in ordered(store.rows("run"))] == ["a", "b", "c", "d"]
    assert ordered(store.rows("run")) == ordered(store.read("run").collect())


def test_what_is_known_is_not_read_again(store: Store) -> None:
    """The table's data files may even be away."""
    store.rows("run")
    store.append_rows([run("a")], "run")
    for file in Path(store.path("run")).glob("*.parquet"):
        file.unlink()
    assert [row.run_id for row in store.rows("run")] == ["a"]
