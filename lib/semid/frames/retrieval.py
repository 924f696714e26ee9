"""`semid train-retrieval`: from interactions and the ID history to a trained generator in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from semid.downstream.corpus import Corpus, corpus
from semid.downstream.plan import Plan
from semid.downstream.vocabulary import Vocabulary
from semid.errors import StoredDataError
from semid.frames.sequences import to_sequences, with_leave_one_out, with_time_split, with_tokens
from semid.ids import fingerprint
from semid.measure.evaluation import Measure
from semid.tables.registry import Card
from semid.tables.store import Store

if TYPE_CHECKING:
    from semid.downstream.training import State, TrainingParams

USERS = 2_000
"""Buckets of users (TIGER, arXiv 2305.05065, section 4)."""


@dataclass(frozen=True)
class Training:
    """How long is trained, and how answers are searched.

    Attributes:
        epochs: Most passes over the histories.
        minutes: Of CPU; the training ends after the epoch in which they are over.
        learning_rate: The largest.
        patience: Judgements without a better one before it ends.
        beam: Width of the search on the test.
        threads: Of torch.
        processes: That train together.
        device: That each of them trains on, cpu or cuda.
    """

    epochs: int = 40
    minutes: float = 60.0
    learning_rate: float = 1e-3
    patience: int = 5
    beam: int = 20
    threads: int = 1
    processes: int = 1
    device: str = "cpu"


@dataclass(frozen=True)
class Sequences:
    """Histories as tokens (user_id, item_ids, days, tokens, length, train, valid, test), and the IDs of now."""

    rows: DataFrame
    current: DataFrame
    vocabulary: Vocabulary


def read_sequences(store: Store, card: Card, events: DataFrame, days: tuple[date, date] | None) -> Sequences:
    """Return the histories of `events` as tokens of the codebook's IDs.

    Args:
        store: The warehouse.
        card: The codebook.
        events: See `frames.sequences.to_events`.
        days: Begin of validation and of the test; None for leave-one-out.
    """
    ids = store.read("semantic_id").where(F.col("codebook_version") == card.codebook_version)
    most = ids.agg(F.max("dedup_index")).collect()[0][0]
    if most is None:
        raise StoredDataError(
            f"codebook {card.codebook_version} has no IDs", where="semantic_id", next_step="semid verify"
        )
    vocabulary = Vocabulary(card.codebook_sizes, most + 1, USERS)
    users = to_sequences(with_tokens(events, ids, vocabulary)).persist()
    split = with_leave_one_out(users) if days is None else with_time_split(users, *days)
    open_ids = ids.where(F.col("valid_to").isNull())
    each = open_ids.select("item_id", F.lit(None).cast("date").alias("day"))
    return Sequences(split, with_tokens(each, open_ids, vocabulary).select("item_id", "tokens"), vocabulary)


def to_corpus(sequences: Sequences) -> Corpus:
    """Return the histories on the driver, in order of the users."""
    rows = sequences.rows.select("user_id", "item_ids", "tokens", "train", "valid", "test").orderBy("user_id")
    return corpus(rows.toArrow(), sequences.current.orderBy("item_id").toArrow(), sequences.vocabulary)


def train_retriever(
    spark: SparkSession, data: Corpus, plan: Plan, training: Training, checkpoint: Path, about: Mapping[str, Any]
) -> list[Measure]:
    """Train a generator, write it beside its checkpoint, and return what it is worth on the test.

    A checkpoint that is there is gone on from, and removed in the end.
    """
    from semid.downstream import retriever

    folder = checkpoint.parent
    folder.mkdir(parents=True, exist_ok=True)
    made = retriever.retriever(data.known, plan)
    state = _fit(spark, made, data, plan, training, checkpoint)
    retriever.save(folder, made, data.known, plan, {**about, "training": asdict(training)})
    measures = [Measure("epochs", state.epoch), Measure("ndcg_10", state.best, slice="validation")]
    measures += _judged(made, data, training.beam, plan.seed)
    for left in folder.glob("checkpoint-*"):
        left.unlink()
    return measures


def checkpoint_of(folder: Path, run_id: str) -> Path:
    """Return where a run keeps its training in a folder."""
    return folder / f"checkpoint-{fingerprint(run_id)[:16]}.safetensors"


def params_of(training: Training, seed: int) -> TrainingParams:
    """Return how torch trains."""
    from semid.downstream.training import TrainingParams

    return TrainingParams(
        epochs=training.epochs,
        learning_rate=training.learning_rate,
        patience=training.patience,
        seed=seed,
        threads=training.threads,
    )


def _fit(spark: SparkSession, made: Any, data: Corpus, plan: Plan, training: Training, checkpoint: Path) -> State:
    from semid.downstream import retriever
    from semid.downstream.device import put
    from semid.downstream.kept import kept_watch

    params = params_of(training, plan.seed)
    if training.processes == 1:
        put(made.model, training.device)
        return retriever.fit(made, data, params, kept_watch(checkpoint, training.epochs, training.minutes))
    from semid.downstream.retriever_ranks import RankTask
    from semid.frames.retrieval_ranks import fit_in_ranks

    task = RankTask(data, plan, params, training.minutes, checkpoint, training.device)
    state = fit_in_ranks(spark, task, training.processes)
    made.model.load_state_dict(state.weights)
    made.model.eval()
    return state


def _judged(made: Any, data: Corpus, width: int, seed: int) -> Iterator[Measure]:
    """Yield recall and NDCG of the test by traffic of the item, and the share of free answers that are no ID."""
    from semid.downstream import retriever
    from semid.measure.retrieval import hits_of, per_user, retrieval_measures, slices_of

    test, known = data.split.test, data.known
    seen = known.now[data.split.train.items]
    trained = np.bincount(seen[seen >= 0], minlength=len(known.ids))
    hits = hits_of(retriever.ranked(made, test.histories, known, width), test.targets)
    yield from retrieval_measures(per_user(hits), slices_of(test.targets, trained), np.random.default_rng(seed))
    free = retriever.some(test, seed).histories
    yield Measure("invalid_ids_free_beam", retriever.invalid_share(made, free, known, width))
    yield Measure("examples_without_id", data.left_out)
