"""Which items get an ID tonight under a codebook version, and which codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.frames.capacity import within_capacity
from semid.frames.resolve import to_ledger, with_dedup_index
from semid.frames.vectors import codebook_of, to_codes, to_lists, to_matrix
from semid.quantize.base import Codebook, Codes, Floats, quantization_error
from semid.quantize.hysteresis import keep_codes
from semid.tables.intervals import only_open
from semid.tables.registry import StoredCodebook
from semid.tables.serving import Serving

_CODED = "content_hash string, codes array<int>, quantization_error float, kept boolean"


@dataclass(frozen=True)
class Inputs:
    """The tables that assigning reads, each at one version: item_catalog, item_embedding, semantic_id, its changes."""

    catalog: DataFrame
    embeddings: DataFrame
    ids: DataFrame
    changes: DataFrame


@dataclass(frozen=True)
class Assigned:
    """What one version gives tonight.

    Attributes:
        arrivals: (codebook_version, item_id, content_hash) of the items that need an ID.
        rows: The same items with codes, quantization_error and dedup_index.
        held: Persisted frames behind them; unpersist them when the rows are written.
    """

    arrivals: DataFrame
    rows: DataFrame
    held: tuple[DataFrame, ...]


def assign(inputs: Inputs, stored: StoredCodebook, incumbents: int | None) -> Assigned:
    """Return the IDs-to-be of the items without a current ID under a codebook version.

    Under a retrained codebook items first get back what they had: their codes where these are good enough, then,
    in a bucket they were in, their number. Only then are the others numbered. (Numbering first and restoring
    afterwards gave three IDs twice in a published table.)

    Args:
        inputs: The tables.
        stored: The version.
        incumbents: At the first assignment under a retrained codebook the version whose codes it should leave
            where they are, as far as its tolerance goes; None otherwise.
    """
    # What is looked at more than once is persisted: encoding twice would double the night's work.
    arrivals = only_arrivals(inputs.catalog, only_open(inputs.ids, [stored.version])).persist()
    known = to_given_codes(inputs.ids, stored.version)
    unknown = arrivals.join(known, "content_hash", "left_anti")
    contents = only_contents_of(inputs.embeddings, unknown, stored.model)
    if incumbents is None:
        coded = to_coded_contents(contents, stored.artifact)
    else:
        old = to_given_codes(only_open(inputs.ids, [incumbents]), incumbents)
        coded = to_kept_contents(contents, old, stored)
    raw = () if stored.capacity is None else (coded.persist(),)
    if stored.capacity is not None:
        coded = within_capacity(coded, contents, known, stored)
    coded = coded.drop("kept").unionByName(known.join(arrivals, "content_hash", "left_semi")).persist()
    ledger = to_ledger(inputs.changes, stored.version if incumbents is None else incumbents)
    numbered = with_dedup_index(to_item_codes(arrivals, coded), ledger)
    version = F.lit(stored.version).cast("int").alias("codebook_version")
    return Assigned(arrivals.select(version, "*"), numbered.select(version, "*"), (arrivals, coded, *raw))


def incumbents_of(inputs: Inputs, found: Serving, version: int) -> int | None:
    """Return the version whose IDs `version` should leave in place: the active one, when it has given none itself."""
    if version != found.candidate or found.active is None:
        return None
    given = inputs.ids.where(F.col("codebook_version") == version)
    return found.active if given.isEmpty() else None


def only_arrivals(catalog: DataFrame, current: DataFrame) -> DataFrame:
    """Return (item_id, content_hash) of the active items that have no current ID for their present content.

    Args:
        catalog: item_catalog.
        current: The open intervals of one codebook version.
    """
    active = catalog.where("is_active").select("item_id", "content_hash")
    return active.join(current.select("item_id", "content_hash"), ["item_id", "content_hash"], "left_anti")


def to_given_codes(ids: DataFrame, version: int) -> DataFrame:
    """Return (content_hash, codes, quantization_error): what each content was ever given under a version.

    A content that comes back, or comes with another item, gets the same codes: encoding anew could give others
    where a retrain has kept old ones.
    """
    given = ids.where(F.col("codebook_version") == version).groupBy("content_hash")
    first = F.min(F.struct("codes", "quantization_error"))
    return given.agg(first.alias("given")).select("content_hash", "given.codes", "given.quantization_error")


def to_coded_contents(embeddings: DataFrame, artifact: bytes) -> DataFrame:
    """Return (content_hash, codes, quantization_error, kept) of (content_hash, embedding); nothing is kept.

    Args:
        embeddings: One row per content.
        artifact: The codebook's bytes; broadcast once, decoded once per Python worker.
    """
    shared = embeddings.sparkSession.sparkContext.broadcast(artifact)

    def encode(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        codebook = codebook_of(shared.value)
        for batch in batches:
            if batch.num_rows:
                yield _coded(batch, codebook)

    return embeddings.select("content_hash", "embedding").mapInArrow(encode, _CODED)


def to_kept_contents(embeddings: DataFrame, old: DataFrame, stored: StoredCodebook) -> DataFrame:
    """Return (content_hash, codes, quantization_error, kept), keeping old codes that are good enough.

    Args:
        embeddings: (content_hash, embedding), one row per content.
        old: (content_hash, codes) under the codebook before.
        stored: The new codebook.
    """
    shared, tolerance = embeddings.sparkSession.sparkContext.broadcast(stored.artifact), stored.tolerance

    def encode(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        codebook = codebook_of(shared.value)
        for batch in batches:
            if batch.num_rows:
                yield _kept(batch, codebook, tolerance)

    both = embeddings.join(old.select("content_hash", F.col("codes").alias("old_codes")), "content_hash", "left")
    return both.select("content_hash", "embedding", "old_codes").mapInArrow(encode, _CODED)


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


def _coded(batch: pa.RecordBatch, codebook: Codebook) -> pa.RecordBatch:
    x = to_matrix(batch.column("embedding"))
    codes = codebook.encode(x)
    return _batch(batch, codes, quantization_error(x, codebook.decode(codes)), np.zeros(len(x), np.bool_))


def _kept(batch: pa.RecordBatch, codebook: Codebook, tolerance: float) -> pa.RecordBatch:
    old = to_codes(batch.column("old_codes"), len(codebook.sizes))
    kept = keep_codes(to_matrix(batch.column("embedding")), codebook, old, tolerance)
    return _batch(batch, kept.codes, kept.error, kept.kept)


def _batch(batch: pa.RecordBatch, codes: Codes, error: Floats, kept: NDArray[np.bool_]) -> pa.RecordBatch:
    columns = [batch.column("content_hash"), to_lists(codes), pa.array(error, pa.float32()), pa.array(kept)]
    return pa.RecordBatch.from_arrays(columns, names=["content_hash", "codes", "quantization_error", "kept"])
