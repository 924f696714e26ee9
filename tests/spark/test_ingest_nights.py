"""Nights of one catalog: only differences are written, each night in one commit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyspark.sql import SparkSession

from semid.cli.job import run_job
from semid.jobs.ingest_catalog import JOB
from semid.tables.store import Store

Row = dict[str, Any]


def item(item_id: str, title: str | None = "t", **more: Any) -> Row:
    return {"item_id": item_id, "title": title, **more}


NIGHTS: list[list[Row]] = [
    [item("a", image_url="http://old/a"), item("b"), item("c"), item("d", brand="x")],
    # a moves its picture, b is edited, c goes, d has its brand and title swapped, e comes, f is bad
    [item("a", image_url="http://new/a"), item("b", "edited"), item("d", "x", brand="t"), item("e"), item("f", None)],
    # nothing changes but the order
    [item("f", None), item("e"), item("d", "x", brand="t"), item("b", "edited"), item("a", image_url="http://new/a")],
    # c returns, b's row is bad, the others are gone
    [item("c"), item("b", None)],
]


@pytest.fixture(scope="module")
def ingested(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[dict[str, Row], dict[str, Any]]]:
    """After each night: the catalog by item, and the run's counts with the table's version."""
    folder = tmp_path_factory.mktemp("nights")
    store = Store(spark, str(folder / "warehouse"))
    states = []
    for number, rows in enumerate(NIGHTS, 1):
        feed = folder / f"{number}.jsonl"
        feed.write_text("".join(json.dumps(row) + "\n" for row in rows))
        flags = ["--warehouse", store.warehouse, "--catalog", str(feed), "--run-date", f"2026-01-0{number}"]
        flags += ["--run-id", f"night{number}", "--set", "catalog.max_quarantined=0.6"]
        flags += ["--set", "catalog.max_removed=0.8"]
        assert run_job(JOB, flags) == 0
        (run,) = store.read("run").where(f"run_id = 'night{number}'").collect()
        catalog = {row.item_id: row.asDict() for row in store.read("item_catalog").collect()}
        states.append((catalog, json.loads(run.metrics) | {"version": store.version("item_catalog")}))
    return states


def changes(counts: dict[str, Any]) -> dict[str, int]:
    return {k: counts[k] for k in ("new", "changed", "content_changed", "removed", "returned")}


def test_first_night(ingested: Any) -> None:
    """Every item is new and carries the run date."""
    catalog, counts = ingested[0]
    assert changes(counts) == {"new": 4, "changed": 0, "content_changed": 0, "removed": 0, "returned": 0}
    assert {str(row["first_seen"]) for row in catalog.values()} == {"2026-01-01"}
    assert all(row["is_active"] for row in catalog.values())


def test_second_night(ingested: Any) -> None:
    """Edits, removals and arrivals are told apart; a moved picture changes the row but not the content."""
    (before, _), (after, counts) = ingested[:2]
    assert changes(counts) == {"new": 1, "changed": 3, "content_changed": 2, "removed": 1, "returned": 0}
    assert after["a"]["content_hash"] == before["a"]["content_hash"]
    assert after["a"]["image_url"] == "http://new/a"
    assert (str(after["a"]["first_seen"]), str(after["a"]["changed_on"])) == ("2026-01-01", "2026-01-02")
    assert after["c"] == before["c"] | {
        "is_active": False,
        "changed_on": after["b"]["changed_on"],
        "run_id": "night2",
    }
    assert (after["d"]["title"], after["d"]["brand"]) == ("x", "t")
    assert "f" not in after


def test_quiet_night_commits_nothing(ingested: Any) -> None:
    """The same rows in another order make no commit and count no change."""
    (before, then), (after, counts) = ingested[1:3]
    assert set(changes(counts).values()) == {0}
    assert counts["version"] == then["version"]
    assert after == before


def test_returned_and_kept(ingested: Any) -> None:
    """An item that comes back is active again since its first day; one whose row is bad keeps its stored state."""
    (before, then), (after, counts) = ingested[2:4]
    assert changes(counts) == {"new": 0, "changed": 0, "content_changed": 0, "removed": 3, "returned": 1}
    assert after["c"]["is_active"]
    assert str(after["c"]["first_seen"]) == "2026-01-01"
    assert after["b"] == before["b"]
    assert counts["version"] == then["version"] + 1


def test_reasons_are_counted(ingested: Any) -> None:
    """Each night's run tells why rows were set aside."""
    assert [counts["reasons"] for _, counts in ingested] == [{}, {"no_text": 1}, {"no_text": 1}, {"no_text": 1}]
