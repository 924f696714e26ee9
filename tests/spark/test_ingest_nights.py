"""Nights of one catalog: only differences are written, each night in one commit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from semid.cli.job import run_job
from semid.frames import intake
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


class Again:
    """A feed of one item and a bad row that comes night after night."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.feed, self.nights = store, folder / "feed.jsonl", 0
        self.feed.write_text("".join(json.dumps(row) + "\n" for row in (item("a"), item("b", None))))

    def take(self, *settings: str) -> Row:
        """Take the feed in on the next night and return what the run counted."""
        self.nights += 1
        words = [word for setting in ("catalog.max_quarantined=0.6", *settings) for word in ("--set", setting)]
        flags = ["--warehouse", self.store.warehouse, "--catalog", str(self.feed), "--run-id", f"n{self.nights}"]
        assert run_job(JOB, [*flags, "--run-date", f"2026-01-{self.nights:02}", *words]) == 0
        (run,) = self.store.read("run").where(f"run_id = 'n{self.nights}'").collect()
        return {"rows_in": run.rows_in, "rows_out": run.rows_out, **json.loads(run.metrics)}

    def set_aside(self) -> list[tuple[str, str, str]]:
        rows = self.store.read("item_quarantine").collect()
        return sorted((row.run_id, row.source_row, row.raw) for row in rows)


@pytest.fixture
def again(spark: SparkSession, tmp_path: Path) -> Again:
    return Again(Store(spark, str(tmp_path / "warehouse")), tmp_path)


def test_same_feed_is_not_read_again(again: Again, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes count what they counted, change nothing, set the same rows aside, and no row is read."""
    first = again.take()
    version = again.store.version("item_catalog")
    with monkeypatch.context() as patch:
        patch.setattr(intake, "to_feed_rows", lambda *_: pytest.fail("the feed was read"))
        second = again.take()
        again.feed = again.feed.rename(again.feed.with_name("of the third night.jsonl"))
        third = again.take()
    assert "same_feed_as" not in first
    assert (second.pop("same_feed_as"), third.pop("same_feed_as")) == ("n1", "n2")
    assert second == first | {"new": 0, "rows_out": 0}
    assert third | {key: second[key] for key in ("feed_file", "feed_fingerprint")} == second
    assert again.store.version("item_catalog") == version
    places = {run: place for run, place, _ in again.set_aside()}
    assert places == {"n1": "feed.jsonl:2", "n2": "feed.jsonl:2", "n3": "of the third night.jsonl:2"}
    assert len({raw for _, _, raw in again.set_aside()}) == 1


@pytest.mark.parametrize("change", ["feed", "rules", "catalog", "quarantine"])
def test_feed_is_read_when_anything_differs(again: Again, change: str) -> None:
    """Another byte in the feed, another rule, another catalog, or rows set aside that are gone: all rows are judged."""
    again.take()
    if change == "feed":
        again.feed.write_text(again.feed.read_text().replace('"t"', '"u"'))
    elif change == "catalog":
        again.store.delta("item_catalog").update(set={"title": F.lit("by hand")})
    elif change == "quarantine":
        again.store.delta("item_quarantine").delete()
    found = again.take(*(["text.separator=' / '"] if change == "rules" else []))
    assert "same_feed_as" not in found
    assert again.set_aside()[-1][0] == "n2"
    assert [row.title for row in again.store.read("item_catalog").collect()] == ["u" if change == "feed" else "t"]
