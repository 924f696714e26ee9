"""The unseen contents and their vectors: the same bits whatever the order and partitioning, each content once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from semid.config import load_config
from semid.errors import StoredDataError
from semid.frames.embed import (
    check_complete,
    embedded,
    only_partitions,
    only_unseen,
    partition_count,
    to_active_contents,
    to_vectors,
)
from semid.frames.faults import carried, from_workers
from semid.tables.store import Store
from semid.text.model import ModelSpec, spec_of
from semid.text.render import content_hash
from tests import tiny_model

ROWS = 300


def catalog_row(item: str, text: str, *, active: bool = True) -> dict[str, Any]:
    day = date(2026, 1, 1)
    row = {"item_id": item, "text": text, "content_hash": content_hash(text), "is_active": active}
    return {**row, "first_seen": day, "changed_on": day, "run_id": "r"}


def vector_row(text: str, model: str) -> dict[str, Any]:
    row = {"content_hash": content_hash(text), "model": model, "dim": 2, "embedding": [0.6, 0.8]}
    return {**row, "run_id": "r", "embedded_at": datetime(2026, 1, 1, tzinfo=UTC)}


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    """The tiny model."""
    folder = tiny_model.build(tmp_path_factory.mktemp("model") / "tiny")
    return spec_of(load_config(overrides=[f"embedding.model={folder}", "embedding.batch_size=32"]).embedding)


@pytest.fixture
def store(spark: SparkSession) -> Store:
    """A store that only makes frames: nothing here is written."""
    return Store(spark, "/nowhere")


@pytest.fixture(scope="module")
def contents(spark: SparkSession) -> DataFrame:
    """Contents of 1 to 70 letters, some beyond the model's 64 tokens."""
    rng = np.random.default_rng(1)
    texts = ["".join(rng.choice(list("abcdefgh "), 1 + n % 70)) + f" {n:o}" for n in range(ROWS)]
    return spark.createDataFrame(
        [(content_hash(text), f"i{n}", text) for n, text in enumerate(texts)],
        "content_hash string, item_id string, text string",
    )


def vectors(contents: DataFrame, spec: ModelSpec, count: int) -> dict[str, bytes]:
    done = contents.sparkSession.sparkContext.accumulator(0)
    rows = to_vectors(only_partitions(contents, count, 0, count), spec, done).collect()
    assert done.value == len(rows) == ROWS
    return {row[0]: np.asarray(row[1], dtype=np.float32).tobytes() for row in rows}


@pytest.fixture(scope="module")
def expected(contents: DataFrame, spec: ModelSpec) -> dict[str, bytes]:
    """The vectors of an undisturbed run."""
    return vectors(contents, spec, partition_count(ROWS))


def test_order_and_partitioning_never_change_a_vector(
    contents: DataFrame, spec: ModelSpec, expected: dict[str, bytes]
) -> None:
    """Shuffled and repartitioned input gives the same bits."""
    assert vectors(contents.repartition(7), spec, partition_count(ROWS)) == expected
    assert vectors(contents.orderBy(F.rand(3)), spec, partition_count(ROWS)) == expected


def test_arrow_batches_never_change_a_vector(
    spark: SparkSession, contents: DataFrame, spec: ModelSpec, expected: dict[str, bytes]
) -> None:
    """Spark's Arrow batch size is a matter of memory only."""
    key = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = spark.conf.get(key)
    spark.conf.set(key, 3)
    try:
        assert vectors(contents, spec, partition_count(ROWS)) == expected
    finally:
        spark.conf.set(key, before)


def test_the_texts_beside_a_text_never_change_its_vector(
    contents: DataFrame, spec: ModelSpec, expected: dict[str, bytes]
) -> None:
    """Other partitions and another batch size give the same bits on a CPU: a run may stop and go on anywhere."""
    assert vectors(contents, ModelSpec(**{**vars(spec), "batch_size": 5}), 5) == expected


def test_vectors_are_unit_length_and_differ(expected: dict[str, bytes]) -> None:
    """Different texts within the token limit have different vectors of length 1."""
    x = np.stack([np.frombuffer(raw, dtype=np.float32) for raw in expected.values()])
    assert x.shape == (ROWS, tiny_model.WIDTH)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=1e-6)
    assert len(np.unique(x, axis=0)) > 0.8 * ROWS


def test_adaptive_execution_leaves_the_partitions_alone(
    spark: SparkSession, contents: DataFrame, request: pytest.FixtureRequest
) -> None:
    """A content's partition follows from its hash; partitioned by a column, these few rows would become one."""
    off = spark.conf.get("spark.sql.adaptive.enabled")  # the session of the tests plans once
    request.addfinalizer(lambda: spark.conf.set("spark.sql.adaptive.enabled", off))
    spark.conf.set("spark.sql.adaptive.enabled", "true")
    task = F.spark_partition_id().alias("task")
    by_column = contents.repartition("content_hash").select(task).distinct().count()
    placed = only_partitions(contents, 6, 2, 3).select("content_hash", task).collect()
    hashed = contents.select("content_hash", F.expr("pmod(xxhash64(content_hash), 6)").alias("p")).collect()
    assert by_column == 1
    assert {row[0]: row[1] for row in placed} == {row[0]: row[1] - 2 for row in hashed if 2 <= row[1] < 5}
    assert {row[1] for row in placed} == {0, 1, 2}


def test_a_broken_vector_names_its_item(spark: SparkSession, tmp_path: Path) -> None:
    """NaN in the weights is an error with the item and the content it was met at, and without the text."""
    broken = tiny_model.build(tmp_path / "broken", broken=True)
    spec = spec_of(load_config(overrides=[f"embedding.model={broken}"]).embedding)

    def outcome(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        try:
            embedded([("0a" * 32, "i0", "red shoe"), ("1b" * 32, "i1", "quilt")], spec)
        except StoredDataError as error:
            for _ in batches:
                yield pa.RecordBatch.from_pydict({"report": [error.report()]})

    report = spark.range(1).mapInArrow(outcome, "report string").collect()[0][0]
    assert "1 of 2 vectors without a direction" in report
    assert "item i1 (content 1b1b1b1b1b1b)" in report
    assert "i0" not in report
    assert "quilt" not in report


def test_an_error_of_a_worker_reaches_the_driver_as_itself(spark: SparkSession, tmp_path: Path) -> None:
    """Kind, place, items and advice survive the way through a Delta write, and nothing is committed."""

    def fail(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with carried():
            raise StoredDataError("broken {x}", where="here", problems=["item 'i1'"], next_step="do this")
        yield from batches

    rows = spark.range(1).mapInArrow(fail, "id long")
    with pytest.raises(StoredDataError) as caught, from_workers():
        rows.write.format("delta").save(str(tmp_path / "t"))
    error = caught.value
    assert (error.what, error.where, error.problems, error.next_step) == (
        "broken {x}",
        "here",
        ("item 'i1'",),
        "do this",
    )
    assert not (tmp_path / "t" / "_delta_log" / f"{0:020}.json").exists()


def test_each_unseen_active_content_is_one_row(store: Store) -> None:
    """Items that share a text are one content; inactive items and contents with a vector of this model are none."""
    items = [("a", "x", True), ("b", "x", True), ("c", "y", True), ("d", "z", False), ("e", "w", True)]
    catalog = store.frame([catalog_row(item, text, active=active) for item, text, active in items], "item_catalog")
    seen = store.frame([vector_row("y", "m#1"), vector_row("w", "m#2")], "item_embedding")
    unseen = only_unseen(to_active_contents(catalog), seen, "m#1")
    assert sorted((row.item_id, row.text) for row in unseen.collect()) == [("a", "x"), ("e", "w")]


def test_contents_without_their_one_vector_are_named(store: Store) -> None:
    """A lost vector and a doubled one are each counted and shown by an item; another model's vector does not help."""
    contents = to_active_contents(store.frame([catalog_row(i, f"text {i}") for i in "abc"], "item_catalog"))
    stored = [vector_row("text a", "m#1"), vector_row("text b", "m#1"), vector_row("text c", "m#1")]
    assert check_complete(contents, store.frame(stored, "item_embedding"), "m#1", "") == 3
    wrong = [stored[0], stored[0], stored[1], vector_row("text c", "m#2")]
    with pytest.raises(StoredDataError) as caught:
        check_complete(contents, store.frame(wrong, "item_embedding"), "m#1", "do this")
    assert caught.value.problems == (
        "1 without a vector, among them that of item c",
        "1 with more than one vector, among them that of item a",
    )


def test_the_number_of_partitions_follows_from_the_number_of_contents() -> None:
    """One task for what one worker does sooner than a second one starts; else an even number of about 512 each."""
    assert [partition_count(n) for n in (1, 256, 257, 1024, 1025, 12101)] == [1, 1, 2, 2, 4, 24]


def test_the_model_folder_of_the_tests_is_a_few_kilobytes(spec: ModelSpec) -> None:
    """The tests run a real transformer, which must stay cheap."""
    assert sum(file.stat().st_size for file in Path(spec.source).iterdir()) < 50_000
