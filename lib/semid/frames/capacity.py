"""A limit on the distinct contents of a bucket, applied where a bucket would have more."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.frames.vectors import codebook_of, to_codes, to_lists, to_matrix
from semid.quantize import capacity
from semid.quantize.base import Codebook
from semid.tables.registry import StoredCodebook

_MOVED = "content_hash string, codes array<int>, quantization_error float"


def within_capacity(coded: DataFrame, vectors: DataFrame, given: DataFrame, stored: StoredCodebook) -> DataFrame:
    """Return (content_hash, codes, quantization_error): `coded`, with the last codes of crowded prefixes spread.

    One task works on one crowded prefix, with the vectors of its newcomers in memory.

    Args:
        coded: (content_hash, codes, quantization_error, kept) of newcomers; those with kept codes choose first.
        vectors: (content_hash, embedding) of the same contents.
        given: (content_hash, codes) of every content ever coded under the version; they stay where they are.
        stored: The version, with a capacity.
    """
    shared = coded.sparkSession.sparkContext.broadcast(stored.artifact)
    levels, most = len(stored.codebook.sizes), int(stored.capacity or 0)

    def spread(newcomers: pa.Table, taken: pa.Table) -> pa.Table:
        return _spread(newcomers, taken, codebook_of(shared.value), most)

    prefix = F.array_join(F.slice(F.col("codes").cast("array<string>"), 1, levels - 1), "-").alias("prefix")
    newcomers = coded.select("*", prefix)
    taken = given.groupBy(prefix, "codes").agg(F.count("*").alias("contents"))
    crowded = _crowded(newcomers, taken, most)
    contents = newcomers.join(crowded, "prefix", "left_semi").join(vectors, "content_hash").groupBy("prefix")
    places = taken.join(crowded, "prefix", "left_semi").groupBy("prefix")
    alone = newcomers.join(crowded, "prefix", "left_anti").select("content_hash", "codes", "quantization_error")
    return alone.unionByName(contents.cogroup(places).applyInArrow(spread, _MOVED))


def _crowded(newcomers: DataFrame, taken: DataFrame, most: int) -> DataFrame:
    """Return the prefixes with a newcomer in a bucket of more than `most` contents."""
    new = newcomers.groupBy("prefix", "codes").agg(F.count("*").alias("new"))
    both = new.join(taken, ["prefix", "codes"], "left")
    full = F.col("new") + F.coalesce("contents", F.lit(0)) > most
    return both.where(full).select("prefix").distinct()


def _spread(newcomers: pa.Table, taken: pa.Table, codebook: Codebook, most: int) -> pa.Table:
    """Return the newcomers of one prefix with their last codes settled; places are `taken` by (codes, contents)."""
    table = newcomers.sort_by("content_hash").combine_chunks()
    codes = to_codes(_chunk(table, "codes"), len(codebook.sizes))
    x = to_matrix(_chunk(table, "embedding"))
    counts = np.zeros(codebook.sizes[-1], np.int64)
    if taken.num_rows:
        counts[to_codes(_chunk(taken, "codes"), len(codebook.sizes))[:, -1]] = taken.column("contents").to_numpy()
    kept = np.asarray(table.column("kept"), np.int8)
    errors = capacity.last_errors(x, codebook, codes[0, :-1])
    codes[:, -1] = capacity.within_capacity(errors, codes[:, -1], kept, counts, most)
    error = errors[np.arange(len(codes)), codes[:, -1]]
    columns = [_chunk(table, "content_hash"), to_lists(codes), pa.array(error, pa.float32())]
    return pa.Table.from_arrays(columns, names=["content_hash", "codes", "quantization_error"])


def _chunk(table: pa.Table, name: str) -> pa.Array:
    return table.column(name).combine_chunks()
