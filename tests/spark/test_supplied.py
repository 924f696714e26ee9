"""Vectors that a feed brings: one for each content that has none."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from pyspark.sql import functions as F

from semid.frames import supplied
from semid.tables import catalog
from semid.tables.store import Store

ROWS = [
    ("feed:1", "a", [1.0, 0.0]),
    ("feed:2", "b", [0.0, 1.0]),
    ("feed:3", "a", [1.0, 0.0]),
    ("feed:4", "c", [0.6, 0.8]),
    ("feed:5", "known", [0.8, 0.6]),
]


@pytest.mark.parametrize("broadcast", [0, 200_000], ids=["shuffled", "broadcast"])
def test_each_new_content_gets_the_vector_of_one_of_its_rows(
    store: Store, monkeypatch: pytest.MonkeyPatch, broadcast: int
) -> None:
    """A content with two rows once, one that is stored not again; another model's vector is none of its own."""
    monkeypatch.setattr(supplied, "BROADCAST_ROWS", broadcast)
    stored = {"dim": 2, "embedding": [0.8, 0.6], "run_id": "before", "embedded_at": datetime(2026, 1, 1, tzinfo=UTC)}
    known = [{"content_hash": "known", "model": "m", **stored}, {"content_hash": "a", "model": "other", **stored}]
    store.append_rows(known, "item_embedding")
    rows = store.spark.createDataFrame(ROWS, "source_row STRING, content_hash STRING, embedding ARRAY<FLOAT>")
    assert supplied.append_supplied_vectors(store, rows.repartition(3), "m", "now") == 3
    written = store.read("item_embedding").where("run_id = 'now'").collect()
    assert {(row.content_hash, row.model) for row in written} == {(content, "m") for content in "abc"}
    assert {row.content_hash: row.embedding for row in written}["c"] == pytest.approx([0.6, 0.8])
    assert supplied.append_supplied_vectors(store, rows, "m", "again") == 0


def test_each_file_of_vectors_has_a_range_of_hashes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate's sample, the least hashes, lies in one file of four."""
    monkeypatch.setattr(catalog, "CONTENTS_PER_FILE", 50)
    hashes = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(200)]
    vectors = store.spark.createDataFrame(
        [(name, [1.0]) for name in hashes], "content_hash STRING, embedding ARRAY<FLOAT>"
    )
    catalog.append_vectors(store, vectors.repartition(3), 200, "m", "now")
    files = store.read("item_embedding").groupBy(F.input_file_name()).agg(F.min("content_hash"), F.max("content_hash"))
    ranges = sorted((row[1], row[2]) for row in files.collect())
    assert len(ranges) == 4
    assert all(left[1] < right[0] for left, right in pairwise(ranges))
    assert store.read("item_embedding").count() == 200
