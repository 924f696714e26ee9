"""The features of a ranking model as columns: the rows of four embedding tables that stand for each item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from semid.downstream.bags import Bags, hashed_ids
from semid.downstream.ngrams import ngrams, prefix_ngrams
from semid.downstream.pieces import Pieces
from semid.quantize.base import Codes

KINDS = ("prefix_ngrams", "ngrams", "pieces", "hashed_ids")
FEATURES = pa.schema([("item_id", pa.string()), *[(kind, pa.list_(pa.int32())) for kind in KINDS]])
"""The rows that come out: row numbers of the table of each kind, coarse to fine."""


@dataclass(frozen=True)
class FeatureParams:
    """Sizes of the embedding tables.

    Args:
        prefix_rows: Most rows of one depth of the prefix n-grams.
        n: Codes per n-gram.
        ngram_rows: Most rows of one group of the n-grams.
        piece_rows: Rows of the pieces.
        hashed_rows: Rows of the hashed item ids.
    """

    prefix_rows: int = 2_048
    n: int = 2
    ngram_rows: int = 65_536
    piece_rows: int = 4_096
    hashed_rows: int = 4_096


def features(item_ids: list[str], codes: Codes, pieces: Pieces, params: FeatureParams) -> dict[str, Bags]:
    """Return the bags of each of `KINDS`.

    Args:
        item_ids: Ids (items,).
        codes: Codes (items, levels).
        pieces: Trained on the release; its sizes are those of the codebook.
        params: Sizes of the other tables.
    """
    return {
        "prefix_ngrams": prefix_ngrams(codes, pieces.sizes, params.prefix_rows),
        "ngrams": ngrams(codes, pieces.sizes, params.n, params.ngram_rows),
        "pieces": pieces.bags(codes),
        "hashed_ids": hashed_ids(item_ids, params.hashed_rows),
    }


def table_rows(pieces: Pieces, params: FeatureParams) -> dict[str, int]:
    """Return the rows of the table of each of `KINDS`: what a model allocates, padding not counted."""
    none = np.zeros((0, len(pieces.sizes)), np.int32)
    return {kind: bags.rows for kind, bags in features([], none, pieces, params).items()}


def feature_batches(
    batches: Iterable[pa.RecordBatch], pieces: Pieces, params: FeatureParams
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of `FEATURES` for batches of item_id string and codes list<int>."""
    for batch in batches:
        flat = batch.column("codes").flatten().to_numpy(zero_copy_only=False)
        codes = flat.astype(np.int32).reshape(len(batch), len(pieces.sizes))
        made: Mapping[str, Bags] = features(batch.column("item_id").to_pylist(), codes, pieces, params)
        columns = [batch.column("item_id").cast(pa.string()), *[_lists(made[kind]) for kind in KINDS]]
        yield pa.record_batch(columns, schema=FEATURES)


def _lists(bags: Bags) -> pa.ListArray:
    there = bags.index < bags.rows
    offsets = np.concatenate([[0], there.sum(axis=1).cumsum()])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(bags.index[there], pa.int32()))
