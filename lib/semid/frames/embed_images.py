"""The image half of the vectors: pictures into vectors, fused with those of the texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import arrow_udf

from semid.config import ImagesConfig
from semid.errors import InputRefused, StoredDataError
from semid.frames.device import task_device
from semid.frames.faults import carried
from semid.frames.vectors import to_lists, to_matrix
from semid.images.content import picture_of
from semid.images.embedder import ImageEmbedder, ImageSpec, image_embedder
from semid.images.fusion import fused
from semid.images.reference import Unreadable
from semid.text.render import content_hash

Row = tuple[str, str, str, str | None]
_COLUMNS = ("content_hash", "item_id", "text", "image_url")


def with_images(vectors: DataFrame, spec: ImageSpec) -> DataFrame:
    """Return (content_hash, embedding): the text vector of each content fused with its image's.

    Args:
        vectors: content_hash, item_id, text, image_url, and the text's `embedding`; a partition is one piece.
        spec: The image model.
    """

    @arrow_udf("array<float>")  # type: ignore[call-overload,untyped-decorator]
    def fuse(batches: Iterator[tuple[pa.Array, ...]]) -> Iterator[pa.Array]:
        # One piece, as for the texts: Arrow batches must not decide which pictures are batched together.
        pieces = list(batches)
        rows: list[Row] = [row for piece in pieces for row in zip(*(c.to_pylist() for c in piece[:-1]), strict=True)]
        if rows:
            with carried():
                yield to_lists(illustrated(rows, np.vstack([to_matrix(piece[-1]) for piece in pieces]), spec))

    return vectors.select("content_hash", fuse(*_COLUMNS, "embedding").alias("embedding"))


def illustrated(rows: Sequence[Row], text: NDArray[np.float32], spec: ImageSpec) -> NDArray[np.float32]:
    """In a task: return the fused vectors (n, d_t + d_v) of contents and their text vectors (n, d_t).

    Raises:
        InputRefused: Images are not what they were when the catalog was ingested.
        StoredDataError: The model gave a vector without a direction; its item is named.
    """
    model = image_embedder(spec, task_device())
    image = np.zeros((len(rows), model.dimension), dtype=np.float32)
    pictured = [n for n, row in enumerate(rows) if row[0] != content_hash(row[2])]
    for start in range(0, len(pictured), spec.batch_size):
        chosen = pictured[start : start + spec.batch_size]
        image[chosen] = _embedded([rows[n] for n in chosen], model, spec)
    return fused(text, image, spec.weight, [_named(row) for row in rows])


def image_counts(catalog: DataFrame, images: ImagesConfig) -> dict[str, int]:
    """Return how many active items are embedded with and without an image; nothing with images off.

    An item's content hash is that of its text alone exactly when no image is part of it.

    Raises:
        StoredDataError: Items have image references, and not one an image: they were ingested with images off.
    """
    if not images.on:
        return {}
    plain = F.sha2(F.col("text"), 256) == F.col("content_hash")
    counts = [F.count_if(~plain), F.count_if(plain), F.count("image_url")]
    having, lacking, referenced = catalog.where("is_active").agg(*counts).collect()[0]
    if referenced and not having:
        raise StoredDataError(
            f"images are on, but none of the {referenced:,} items with an image reference has its image in its content",
            where="item_catalog.content_hash",
            next_step="semid ingest-catalog with the same images.* settings, then this again",
        )
    return {"with_image": having, "without_image": lacking}


def _embedded(rows: Sequence[Row], model: ImageEmbedder, spec: ImageSpec) -> NDArray[np.float32]:
    pictures, problems = [], []
    for expected, item, text, reference in rows:
        try:
            pictures.append(picture_of(reference, text, expected, spec.images))
        except Unreadable as reason:
            problems.append(f"item {item}: {reference} ({reason})")
    if problems:
        raise InputRefused(
            "images are not what they were when the catalog was ingested",
            where=f"images.root: {spec.images.root}",
            problems=problems,
            next_step="run semid nightly or ingest-catalog: it takes the images as they are now",
        )
    return model.embed(pictures, [_named(row) for row in rows])


def _named(row: Row) -> str:
    return f"item {row[1]} (content {row[0][:12]})"
