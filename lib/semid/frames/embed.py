"""The contents that have no vector yet, and their vectors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pyarrow as pa
from pyspark import Accumulator
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import arrow_udf

from semid.config import SemidConfig
from semid.errors import StoredDataError
from semid.frames.device import task_device
from semid.frames.embed_images import with_images
from semid.frames.faults import carried, from_workers
from semid.frames.progress import progress
from semid.frames.vectors import to_lists
from semid.images.embedder import ImageSpec, image_spec
from semid.tables import catalog
from semid.tables.store import Store
from semid.text.embedder import embedder
from semid.text.model import ModelSpec, spec_of

# About 7 s of MiniLM on one core: both cores of a laptop end together, and progress shows.
CONTENTS_PER_PARTITION = 512
# A second worker takes about 5 s to load torch and the model: as long as 256 texts take.
CONTENTS_OF_ONE_WORKER = 256
# About 8 minutes of MiniLM on a CPU, 20 s on a GPU: what a kill costs at most.
PARTITIONS_PER_CORE_AND_COMMIT = 64


def embed_model(store: Store, contents: DataFrame, config: SemidConfig, model: str, run_id: str) -> tuple[int, int]:
    """Embed the contents that have no vector of a model yet; return (contents, newly embedded ones).

    Args:
        store: The warehouse.
        contents: (content_hash, item_id, text, image_url), one row per content.
        config: Its `embedding` and `images` are the model's settings.
        model: Its fingerprint.
        run_id: Stored beside the vectors.

    Raises:
        StoredDataError: A content has no vector in the end, or more than one; or see `embed_unseen`.
    """
    embedded, next_step = 0, "run ingest-catalog again: the feed brings the vectors"
    if not config.embedding.supplied:
        unseen = only_unseen(contents, store.read("item_embedding"), model)
        embedded = embed_unseen(store, unseen, config, model, run_id)
        next_step = "run embed-items again; if it stays, restore item_embedding from a backup"
    return check_complete(contents, store.read("item_embedding"), model, next_step), embedded


def to_active_contents(catalog: DataFrame) -> DataFrame:
    """Return (content_hash, item_id, text, image_url): the active items' distinct contents, each with one item."""
    active = catalog.where("is_active").groupBy("content_hash")
    first = F.min(F.struct("item_id", "text", "image_url")).alias("first")
    return active.agg(first).select("content_hash", "first.item_id", "first.text", "first.image_url")


def only_unseen(contents: DataFrame, embeddings: DataFrame, model: str) -> DataFrame:
    """Return the contents without a vector of `model` in item_embedding."""
    seen = embeddings.where(F.col("model") == model).select("content_hash")
    return contents.join(seen, "content_hash", "left_anti").select(*contents.columns)


def embed_unseen(store: Store, unseen: DataFrame, config: SemidConfig, model: str, run_id: str) -> int:
    """Append the vectors of the unseen contents to item_embedding and return their number.

    Args:
        store: The warehouse.
        unseen: (content_hash, item_id, text, image_url), one row per content, read at a pinned version.
        config: The models; looked for only when there is something to embed.
        model: Its fingerprint.
        run_id: Stored beside the vectors.

    Raises:
        StoredDataError: The model gave a vector without a direction; its item is named.
        InputRefused: Images are not what they were when the catalog was ingested.
        EnvironmentFault: The driver or a worker lacks the model, or a worker the GPU it was given.
    """
    total = unseen.count()
    if total == 0:
        return 0
    spec = spec_of(config.embedding)
    images = image_spec(config.images) if config.images.on else None
    count = partition_count(total)
    with from_workers(), progress(store.spark, "embed_items", total, "contents") as done:
        for first, size in commits(count, store.spark.sparkContext.defaultParallelism):
            vectors = to_vectors(only_partitions(unseen, count, first, size), spec, done, images)
            catalog.append_vectors(store, vectors, size * CONTENTS_PER_PARTITION, model, run_id)
    return total


def partition_count(contents: int) -> int:
    """Return into how many partitions contents are split, from their number alone: an even number above one."""
    if contents <= CONTENTS_OF_ONE_WORKER:
        return 1
    return 2 * math.ceil(contents / (2 * CONTENTS_PER_PARTITION))


def commits(partitions: int, cores: int) -> list[tuple[int, int]]:
    """Return (first partition, number of partitions) of each commit.

    >>> commits(300, 2)
    [(0, 128), (128, 128), (256, 44)]
    """
    size = PARTITIONS_PER_CORE_AND_COMMIT * cores
    return [(first, min(size, partitions - first)) for first in range(0, partitions, size)]


def only_partitions(contents: DataFrame, count: int, first: int, size: int) -> DataFrame:
    """Return the contents of partitions `first` to `first + size - 1` of `count`, each sorted, each one task.

    A content's partition follows from its hash and `count`, so neither the order nor the partitioning of the
    input, nor the commit, changes which texts stand together. AQE leaves partitions placed by id alone.
    """
    partition = F.pmod(F.xxhash64("content_hash"), F.lit(count)).cast("int")
    chosen = contents.where(partition.between(first, first + size - 1))
    placed = chosen.repartitionById(size, partition - F.lit(first))
    return placed.sortWithinPartitions("content_hash").select(*contents.columns)


def to_vectors(
    contents: DataFrame, spec: ModelSpec, done: Accumulator[int], images: ImageSpec | None = None
) -> DataFrame:
    """Return (content_hash, embedding) of contents; a partition is one piece.

    Args:
        contents: content_hash, item_id, text; with images also image_url.
        spec: The text model.
        done: Raised by the texts that are embedded.
        images: The image model; each model has a UDF, and so a Python worker, of its own.
    """

    @arrow_udf("array<float>")  # type: ignore[call-overload,untyped-decorator]
    def embed(batches: Iterator[tuple[pa.Array, pa.Array, pa.Array]]) -> Iterator[pa.Array]:
        # The size of an Arrow batch is a Spark setting and must not decide which texts are batched together.
        rows = [row for batch in batches for row in zip(*(c.to_pylist() for c in batch), strict=True)]
        if rows:
            with carried():
                yield embedded(rows, spec)
            done.add(len(rows))

    vectors = contents.withColumn("embedding", embed("content_hash", "item_id", "text"))
    return vectors.select("content_hash", "embedding") if images is None else with_images(vectors, images)


def embedded(rows: Sequence[tuple[str, str, str]], spec: ModelSpec) -> pa.Array:
    """In a task: return the vectors of (content_hash, item_id, text) as a list column."""
    device = task_device()
    names = [f"item {item_id} (content {content_hash[:12]})" for content_hash, item_id, _ in rows]
    return to_lists(embedder(spec, device).embed([text for _, _, text in rows], names))


def check_complete(contents: DataFrame, embeddings: DataFrame, model: str, next_step: str) -> int:
    """Return the number of active contents, each of which has exactly one vector of `model`.

    Raises:
        StoredDataError: Contents without a vector, or with more than one; their number and an item of each.
    """
    stored = embeddings.where(F.col("model") == model).groupBy("content_hash").agg(F.count("*").alias("vectors"))
    found = contents.join(stored, "content_hash", "left").select(
        "item_id", F.coalesce("vectors", F.lit(0)).alias("vectors")
    )
    missing, doubled = F.col("vectors") == 0, F.col("vectors") > 1
    row = found.agg(F.count("*"), *_counted(missing), *_counted(doubled)).collect()[0]
    problems = [
        f"{number:,} {what}, among them that of item {item}"
        for number, item, what in (
            (row[1], row[2], "without a vector"),
            (row[3], row[4], "with more than one vector"),
        )
        if number
    ]
    if problems:
        raise StoredDataError(
            f"not every one of {row[0]:,} active contents has exactly one vector of {model}",
            where="item_embedding",
            problems=problems,
            next_step=next_step,
        )
    return int(row[0])


def _counted(condition: Column) -> list[Column]:
    return [F.count_if(condition), F.min(F.when(condition, F.col("item_id")))]
