"""Which items get an ID tonight, and their codes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.frames.vectors import to_lists, to_matrix
from semid.quantize.base import Codebook, quantization_error
from semid.quantize.codebook import from_bytes

_CODED = "content_hash string, codes array<int>, quantization_error float"


def only_arrivals(catalog: DataFrame, current: DataFrame) -> DataFrame:
    """Return (item_id, content_hash) of the active items that have no current ID for their present content.

    Args:
        catalog: item_catalog.
        current: The open intervals of one codebook version.
    """
    active = catalog.where("is_active").select("item_id", "content_hash")
    return active.join(current.select("item_id", "content_hash"), ["item_id", "content_hash"], "left_anti")


def to_coded_contents(embeddings: DataFrame, artifact: bytes) -> DataFrame:
    """Return (content_hash, codes, quantization_error) of (content_hash, embedding).

    Args:
        embeddings: One row per content.
        artifact: The codebook's bytes; broadcast once, decoded once per Python worker.
    """
    shared = embeddings.sparkSession.sparkContext.broadcast(artifact)

    def encode(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        codebook = _codebook(shared.value)
        for batch in batches:
            if batch.num_rows:
                yield _coded(batch, codebook)

    return embeddings.select("content_hash", "embedding").mapInArrow(encode, _CODED)


def to_item_codes(arrivals: DataFrame, coded: DataFrame) -> DataFrame:
    """Return (item_id, content_hash, codes, quantization_error): every item takes its content's codes."""
    columns = ["item_id", "content_hash", "codes", "quantization_error"]
    return arrivals.join(coded, "content_hash").select(*columns)


def only_contents_of(embeddings: DataFrame, items: DataFrame, model: str) -> DataFrame:
    """Return (content_hash, embedding) of the contents that `items` have, as embedded by `model`."""
    wanted = items.select("content_hash").distinct()
    return (
        embeddings.where(F.col("model") == model)
        .join(wanted, "content_hash", "left_semi")
        .select("content_hash", "embedding")
    )


@lru_cache(maxsize=2)
def _codebook(artifact: bytes) -> Codebook:
    return from_bytes(artifact)


def _coded(batch: pa.RecordBatch, codebook: Codebook) -> pa.RecordBatch:
    x = to_matrix(batch.column("embedding"))
    codes = codebook.encode(x)
    error = quantization_error(x, codebook.decode(codes))
    columns = [batch.column("content_hash"), to_lists(codes), pa.array(error, pa.float32())]
    return pa.RecordBatch.from_arrays(columns, names=["content_hash", "codes", "quantization_error"])
