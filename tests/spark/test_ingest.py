"""Reading and judging feeds: formats agree, order decides nothing, duplicates follow their rule."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from semid.config import SemidConfig, load_config
from semid.errors import InputRefused
from semid.frames import intake
from semid.frames.feed_files import feed_fingerprint, find_feed, head
from semid.frames.ingest import open_feed, refuse_changed

Row = dict[str, Any]
ITEMS: list[Row] = [
    {"item_id": f"{n:04}", "title": f"Item &amp; {n}", "price": f"{n}.5", "updated_at": f"2026-01-{n + 1:02}"}
    for n in range(9)
]


def config_for(feed: Path, *settings: str) -> SemidConfig:
    return load_config(overrides=[f"catalog.path={feed}", *settings])


def judged(spark: SparkSession, feed: Path, *settings: str) -> tuple[list[Any], intake.Counts]:
    config = config_for(feed, *settings)
    rules = intake.rules_of(config)
    opened = open_feed(spark, config, rules.template)
    with intake.judged_rows(spark, opened, rules, None) as found:
        return sorted(found.rows.collect(), key=lambda row: row.source_row), intake.count_rows(found)


def outcomes(rows: Sequence[Any]) -> list[tuple[str, str, list[str]]]:
    return [(row.item_id, row.outcome, list(row.reasons)) for row in rows]


def jsonl(path: Path, rows: Sequence[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_formats_give_the_same_items(spark: SparkSession, tmp_path: Path) -> None:
    """Parquet, CSV, JSON lines (also as gzip) and Delta give the same rows; each row has a place of its own."""
    paths = [tmp_path / name for name in ("a.parquet", "a.csv", "a.jsonl", "a.jsonl.gz", "delta")]
    pq.write_table(pa.Table.from_pylist(ITEMS), paths[0])
    with paths[1].open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(reversed(ITEMS[0])))
        writer.writeheader()
        writer.writerows(ITEMS)
    paths[3].write_bytes(gzip.compress(jsonl(paths[2], ITEMS).read_bytes()))
    spark.createDataFrame(ITEMS).repartition(2).write.format("delta").save(str(paths[4]))
    found = []
    for path in paths:
        rows, counts = judged(spark, path)
        assert counts.good == len(ITEMS)
        assert len({row.source_row for row in rows}) == len(ITEMS)
        found.append(sorted((row.item_id, row.title, row.price, row.content_hash) for row in rows))
    assert all(items == found[0] for items in found)
    assert found[0][1][:3] == ("0001", "Item & 1", 1.5)


def test_order_and_partitions_decide_nothing(spark: SparkSession, tmp_path: Path) -> None:
    """A shuffled feed in several files gives the same items and the same duplicates."""
    rows = [*ITEMS, ITEMS[3], {**ITEMS[4], "title": "other"}]
    one, _ = judged(spark, jsonl(tmp_path / "one.jsonl", rows))
    folder = tmp_path / "many"
    folder.mkdir()
    for part in range(3):
        jsonl(folder / f"{part}.jsonl", list(reversed(rows))[part::3])
    many, _ = judged(spark, folder)
    assert sorted(outcomes(one)) == sorted(outcomes(many))


def test_duplicates(spark: SparkSession, tmp_path: Path) -> None:
    """Equal rows: one stays. Different rows: none stays, or with `latest` the newest; a tie stays undecided."""
    rows = [
        {"item_id": "same", "title": "t", "updated_at": "2026-01-01"},
        {"item_id": "same", "title": " t ", "updated_at": "2026-01-02"},
        {"item_id": "newer", "title": "old", "updated_at": "2026-01-01"},
        {"item_id": "newer", "title": "new", "updated_at": "2026-01-02T00:00:00Z"},
        {"item_id": "newer", "title": "undated"},
        {"item_id": "tie", "title": "one", "updated_at": "2026-01-01"},
        {"item_id": "tie", "title": "two", "updated_at": "2026-01-01"},
        {"item_id": "bad twin", "title": "t"},
        {"item_id": "bad twin", "title": {}},
    ]
    feed = jsonl(tmp_path / "feed.jsonl", rows)
    quarantine, counts = judged(spark, feed)
    by_id = {(r.item_id, r.title): (r.outcome, list(r.reasons)) for r in quarantine}
    assert by_id[("newer", "new")] == by_id[("tie", "one")] == ("quarantined", ["duplicate_id"])
    assert counts.outcomes == {"good": 2, "identical": 1, "quarantined": 6}
    latest, counts = judged(spark, feed, "catalog.duplicates=latest")
    by_id = {(r.item_id, r.title): (r.outcome, list(r.reasons)) for r in latest}
    assert by_id[("newer", "new")] == ("good", [])
    assert by_id[("newer", "old")] == by_id[("newer", "undated")] == ("superseded", [])
    assert by_id[("tie", "two")] == ("quarantined", ["duplicate_id"])
    assert by_id[("bad twin", None)] == ("quarantined", ["wrong_type"])
    assert counts.outcomes == {"good": 3, "identical": 1, "superseded": 2, "quarantined": 3}


def test_columns_and_attributes(spark: SparkSession, tmp_path: Path) -> None:
    """Columns are mapped by name, an integer column can be the id, extra columns become attributes."""
    table = pa.table({"sku": [7, 8], "name": ["a", "b"], "size.mm": [1.5, None], "path": [["x", None], None]})
    pq.write_table(table, tmp_path / "feed.parquet")
    rows, _ = judged(
        spark,
        tmp_path / "feed.parquet",
        "catalog.columns.item_id=sku",
        "catalog.columns.title=name",
        "catalog.columns.category=path",
        "catalog.attributes=['size.mm']",
        "text.parts=['{title}', '{category}', '{attributes[size.mm]} mm']",
    )
    found = [(row.item_id, row.category, row.attributes, row.text) for row in rows]
    assert found == [("7", ["x"], {"size.mm": "1.5"}, "a. x. 1.5 mm"), ("8", None, None, "b")]
    assert json.loads(rows[0].raw) == {"sku": 7, "name": "a", "size.mm": 1.5, "path": ["x", None]}


def test_explicit_columns_must_exist(spark: SparkSession, tmp_path: Path) -> None:
    """A default column may be absent; one that the configuration names may not, nor one that differs by case."""
    feed = tmp_path / "feed.parquet"
    pq.write_table(pa.table({"item_id": ["a"], "title": ["t"], "Brand": ["b"], "maker": ["m"]}), feed)
    with pytest.raises(InputRefused) as caught:
        judged(spark, feed, "catalog.columns.price=cost", "catalog.attributes=[makr]")
    assert list(caught.value.problems) == [
        "catalog.columns.brand: the feed has no column 'brand', did you mean 'Brand'?",
        "catalog.columns.price: the feed has no column 'cost'",
        "catalog.attributes: the feed has no column 'makr', did you mean 'maker'?",
    ]


def test_fingerprint(spark: SparkSession, tmp_path: Path) -> None:
    """The fingerprint is that of the content: a copy has it too, an edit of equal length has not."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        jsonl(tmp_path / name / "feed.jsonl", ITEMS)
    one, two = (config_for(tmp_path / name).catalog for name in ("one", "two"))
    assert feed_fingerprint(spark, one) == feed_fingerprint(spark, two)
    jsonl(tmp_path / "two" / "feed.jsonl", [*ITEMS[:-1], {**ITEMS[-1], "title": "Item &amp; 9"}])
    assert feed_fingerprint(spark, one) != feed_fingerprint(spark, two)


def test_feed_that_changes_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    """A file that grows between opening and the end of reading refuses the feed."""
    config = config_for(jsonl(tmp_path / "feed.jsonl", ITEMS))
    feed = open_feed(spark, config, intake.rules_of(config).template)
    refuse_changed(spark, feed, config)
    jsonl(tmp_path / "feed.jsonl", ITEMS[:3])
    with pytest.raises(InputRefused, match="changed while it was read"):
        refuse_changed(spark, feed, config)


def test_delta_feed_is_pinned(spark: SparkSession, tmp_path: Path) -> None:
    """A Delta feed is read at the version it was opened at."""
    path = tmp_path / "feed"
    spark.createDataFrame(ITEMS[:2]).coalesce(1).write.format("delta").save(str(path))
    config = config_for(path)
    rules = intake.rules_of(config)
    feed = open_feed(spark, config, rules.template)
    spark.createDataFrame(ITEMS[2:]).coalesce(1).write.format("delta").mode("append").save(str(path))
    with intake.judged_rows(spark, feed, rules, None) as judged:
        assert judged.read == 2
    assert feed_fingerprint(spark, config.catalog) != feed.fingerprint
    with pytest.raises(InputRefused, match="is a Delta table"):
        find_feed(spark, config_for(path, "catalog.format=parquet").catalog)


def test_other_file_systems(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing, beginning and fingerprint work through Hadoop's file systems, where nothing is a local path."""
    (tmp_path / "sub").mkdir()
    jsonl(tmp_path / "sub" / "b.jsonl", ITEMS)
    jsonl(tmp_path / "a.jsonl", ITEMS[:1])
    monkeypatch.setattr("semid.frames.feed_files.local_path", lambda _: None)
    catalog = config_for(tmp_path).catalog.model_copy(update={"path": f"file://{tmp_path}"})
    found = find_feed(spark, catalog)
    assert [(file.name, file.local) for file in found.files] == [("a.jsonl", None), ("sub/b.jsonl", None)]
    assert head(spark, found.files[0], 5) == b'{"ite'
    before = feed_fingerprint(spark, catalog)
    jsonl(tmp_path / "a.jsonl", ITEMS[:2])
    assert feed_fingerprint(spark, catalog) != before
    with pytest.raises(InputRefused, match="does not exist"):
        find_feed(spark, catalog.model_copy(update={"path": f"file://{tmp_path}/nowhere"}))
