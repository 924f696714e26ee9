"""`semid train-search`: train a search index into a folder, and judge it beside BM25 and dense retrieval."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyspark.sql import functions as F

from semid.config import SemidConfig
from semid.downstream.corpus import KnownIds
from semid.downstream.plan import SearchPlan
from semid.downstream.queries import Parts, nearest_items
from semid.errors import StoredDataError
from semid.frames.retrieval import Training, params_of
from semid.frames.search import Asked, Items
from semid.frames.vectors import to_matrix
from semid.measure import interval
from semid.measure.evaluation import Measure
from semid.measure.retrieval import NOTHING, hits_of, per_user
from semid.quantize.base import Floats
from semid.tables.intervals import only_open
from semid.tables.registry import Card
from semid.tables.serving import as_trained
from semid.tables.store import Store
from semid.text.model import ModelSpec, fingerprint_of, spec_of

log = logging.getLogger(__name__)

METRICS, K = ("recall_1", "recall_10", "mrr_10"), 10
SUPPLIED = "left out: the feed brings the vectors, there is no model to embed queries with"
IMAGES = "left out: the vectors hold images, queries have none"
OTHER_MODEL = "left out: text.* and the model's files are not those of the vectors; give the nights' --config"

Answer = Callable[[Sequence[str]], NDArray[np.integer]]
"""Returns rows (n, 10) of items for n queries, best first, -1 for nothing."""


def train_searcher(
    items: Items, asked: Asked, plan: SearchPlan, training: Training, checkpoint: Path, about: Mapping[str, Any]
) -> Iterator[Measure]:
    """Train a search index, write it beside its checkpoint, and yield what it is worth.

    A checkpoint that is there is gone on from, and removed in the end.
    """
    from semid.downstream import searcher
    from semid.downstream.device import put
    from semid.downstream.kept import kept_watch

    folder, known, parts = checkpoint.parent, items.known, asked.parts
    folder.mkdir(parents=True, exist_ok=True)
    made = searcher.Searcher(known, plan)
    put(made.model, training.device)
    watch = kept_watch(checkpoint, training.epochs, training.minutes)
    state = searcher.fit(made, known, parts, params_of(training, plan.seed), watch)
    searcher.save(folder, made, known, {**about, "training": asdict(training)})
    _save(parts, known, folder / "queries.parquet")
    yield Measure("epochs", state.epoch)
    yield Measure("recall_10", state.best, slice="validation")
    yield from _judged("generator", lambda texts: searcher.ranked(made, texts, known, training.beam), asked)
    for left in folder.glob("checkpoint-*"):
        left.unlink()


def judged_rivals(
    store: Store, card: Card, config: SemidConfig, items: Items, asked: Asked, threads: int
) -> tuple[list[Measure], str]:
    """Return how many queries there are and what others find for them, and which vectors dense retrieval compares.

    BM25 reads the items' texts. Dense retrieval compares the release's vectors with those that the same model gives the
    queries on this machine; where it cannot embed them it is left out, and why is returned.

    Args:
        store: The warehouse.
        card: The codebook that readers see.
        config: Of this run: how texts are made, and how the model is run.
        items: The items.
        asked: The queries.
        threads: Of torch.

    Raises:
        EnvironmentFault: The model is not here.
        StoredDataError: An item has no vector.
    """
    from semid.downstream.bm25 import Bm25

    parts = asked.parts
    found = [Measure("queries", asked.rows), Measure("queries_left_out", asked.left_out)]
    found += [Measure("queries_learnt", len(parts.learnt.texts)), Measure("queries_judged", len(parts.judged.texts))]
    model = query_model(card, config)
    found += _judged("BM25", lambda texts: Bm25.of(items.texts).search(texts, K), asked)
    if isinstance(model, str):
        log.warning("dense retrieval is %s", model)
        return found, model
    vectors = read_vectors(store, card, items)
    return [*found, *_judged("dense", lambda texts: _nearest(texts, vectors, model, threads), asked)], card.model


def _nearest(texts: Sequence[str], vectors: Floats, model: ModelSpec, threads: int) -> NDArray[np.integer]:
    from semid.quantize.rqvae_module import repeatable
    from semid.text.embedder import embedder

    with repeatable(threads):
        asked = embedder(model, "cpu").embed(texts, [f"query {text}" for text in texts])
    found = nearest_items(asked, vectors, K)
    return np.pad(found, ((0, 0), (0, K - found.shape[1])), constant_values=NOTHING)


def query_model(card: Card, config: SemidConfig) -> ModelSpec | str:
    """Return the model whose vectors the codebook reads, or why queries cannot be embedded with it.

    Raises:
        EnvironmentFault: The model is not here.
    """
    stored = as_trained(card, config)
    if stored.embedding.supplied or stored.images.on:
        return SUPPLIED if stored.embedding.supplied else IMAGES
    return spec_of(stored.embedding) if fingerprint_of(stored) == card.model else OTHER_MODEL


def read_vectors(store: Store, card: Card, items: Items) -> Floats:
    """Return the vectors (items, d) of the items' released contents, on the driver.

    Raises:
        StoredDataError: An item has none.
    """
    ids = only_open(store.read("semantic_id"), [card.codebook_version]).select("item_id", "content_hash")
    vectors = store.read("item_embedding").where(F.col("model") == card.model).select("content_hash", "embedding")
    rows = ids.join(vectors, "content_hash").orderBy("item_id").toArrow()
    if rows["item_id"].to_pylist() != items.known.item_ids.tolist():
        what = f"{len(items.texts):,} items with IDs, {len(rows):,} vectors of them"
        raise StoredDataError(what, where=f"item_embedding, model {card.model}", next_step="semid verify")
    return to_matrix(rows["embedding"].combine_chunks())


def _judged(name: str, answer: Answer, asked: Asked) -> Iterator[Measure]:
    """Yield what a retriever is worth, with its 95 % bootstrap intervals over queries."""
    begun, judged = time.process_time(), asked.parts.judged
    ranked = answer(judged.texts)
    log.info("%s answered %d queries in %.1f CPU s", name, len(ranked), time.process_time() - begun)
    values = per_user(hits_of(ranked, judged.items), cutoffs=(1, K))
    columns = np.column_stack([values[metric] for metric in METRICS])
    ends = interval.of_means(columns, np.random.default_rng(asked.seed))
    for metric, mean, (low, high) in zip(METRICS, columns.mean(axis=0), ends, strict=True):
        yield Measure(metric, float(mean), low, high, name)


def _save(parts: Parts, known: KnownIds, file: Path) -> None:
    """Write (query, item_id, part) as Parquet."""
    rows = [
        (text, item_id, name)
        for name, part in parts._asdict().items()
        for text, item_id in zip(part.texts, known.item_ids[part.items].tolist(), strict=True)
    ]
    columns = zip(*rows, strict=True)
    pq.write_table(pa.table(dict(zip(("query", "item_id", "part"), map(list, columns), strict=True))), file)
