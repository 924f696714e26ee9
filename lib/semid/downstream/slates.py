"""Re-rank slates that come as Arrow batches, one slate a row: what a Spark job hands to `mapInArrow`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from semid.downstream.ssd import PrefixTerm, Rows, SpectrumTerm, Term, rerank

TOGETHER = 64
"""Most slates of one call of `rerank`: 500 candidates of 384 numbers each are 50 MB then."""

SLATE = pa.schema(
    [
        ("slate_id", pa.string()),
        ("position", pa.int32()),
        ("item_id", pa.string()),
        ("relevance", pa.float64()),
        ("source_position", pa.int32()),
    ]
)
"""The rows that come out: positions from 1, and the place that the item had among the candidates, from 1."""


@dataclass(frozen=True)
class SlateParams:
    """How slates are re-ranked.

    Args:
        length: Positions to fill.
        window: Positions before an item that count.
        prefix_weight: Of the prefix-overlap penalty; 0 leaves it out, and codes are not read.
        gamma: Of the spectrum term; 0 leaves it out, and vectors are not read.
    """

    length: int = 50
    window: int = 10
    prefix_weight: float = 2.0
    gamma: float = 0.0

    def __post_init__(self) -> None:
        if min(self.length, self.window) < 1 or min(self.prefix_weight, self.gamma) < 0:
            raise ValueError(f"length and window start at 1, weights at 0: {self}")


def rerank_batches(batches: Iterable[pa.RecordBatch], params: SlateParams) -> Iterator[pa.RecordBatch]:
    """Yield the rows of `SLATE` for each batch of slates.

    Args:
        batches: Columns slate_id string, item_id list<string>, relevance list<double>; with a prefix weight also
            codes list<list<int>>, with a gamma also embedding list<list<float>>, each with one entry per candidate.
        params: How.

    Raises:
        ValueError: When the lists of a slate differ in length, or hold nulls.
    """
    for batch in batches:
        for start in range(0, len(batch), TOGETHER):
            yield _reranked(batch.slice(start, TOGETHER), params)


def _reranked(batch: pa.RecordBatch, params: SlateParams) -> pa.RecordBatch:
    sizes = batch.column("item_id").value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.intp)
    there = np.arange(sizes.max(initial=0)) < sizes[:, None]  # (b, n)
    scores = _padded(batch, "relevance", there, -np.inf)
    order = rerank(scores, _terms(batch, there, params), params.length)
    return _rows(batch, order, scores, there)


def _terms(batch: pa.RecordBatch, there: NDArray[np.bool_], params: SlateParams) -> list[Term]:
    terms: list[Term] = []
    if params.gamma and there.any():
        vectors = _padded(batch, "embedding", there, 0.0).astype(np.float32, copy=False)
        terms.append(SpectrumTerm(vectors, params.gamma, params.window))
    if params.prefix_weight and there.any():
        codes = _padded(batch, "codes", there, 0).astype(np.int32, copy=False)
        terms.append(PrefixTerm(codes, params.prefix_weight, params.window))
    return terms


def _padded(batch: pa.RecordBatch, name: str, there: NDArray[np.bool_], empty: float) -> NDArray[Any]:
    """Return the lists of a column side by side, (b, n) or (b, n, width), `empty` where a slate has no candidate."""
    lists = batch.column(name)
    values = lists.flatten()
    counts = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    if (counts != there.sum(axis=1)).any() or values.null_count:
        raise ValueError(f"slates need one {name}, not null, for each item_id")
    flat = values
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        flat = values.flatten()
        widths = set(values.value_lengths().unique().to_pylist())
        if len(widths) > 1 or flat.null_count:
            raise ValueError(f"{name} of all candidates must be equally long and without nulls, got lengths {widths}")
    rows = flat.to_numpy(zero_copy_only=False)
    rows = rows.reshape(len(values), -1) if flat is not values else rows
    padded = np.full((*there.shape, *rows.shape[1:]), empty, rows.dtype)
    padded[there] = rows
    return padded


def _rows(batch: pa.RecordBatch, order: Rows, scores: NDArray[Any], there: NDArray[np.bool_]) -> pa.RecordBatch:
    slates, positions = np.nonzero(order >= 0)
    chosen = order[slates, positions]
    starts = np.concatenate([[0], np.cumsum(there.sum(axis=1))])[:-1]
    columns = [
        batch.column("slate_id").take(pa.array(slates)),
        pa.array(positions + 1, pa.int32()),
        batch.column("item_id").flatten().take(pa.array(starts[slates] + chosen)),
        pa.array(scores[slates, chosen], pa.float64()),
        pa.array(chosen + 1, pa.int32()),
    ]
    return pa.record_batch(columns, schema=SLATE)
