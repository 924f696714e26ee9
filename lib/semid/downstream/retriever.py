"""Generators of IDs behind one face (torch): what they learn from an epoch, answer, and leave in a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from semid.downstream import beam, device, model_folder
from semid.downstream.corpus import Corpus, KnownIds
from semid.downstream.decoder_retriever import DecoderRetriever
from semid.downstream.plan import Plan
from semid.downstream.sequences import Examples, Histories
from semid.downstream.tiger_retriever import TigerRetriever
from semid.downstream.training import State, TrainingParams, Watch, train
from semid.errors import InputRefused
from semid.measure.retrieval import hits_of, per_user

TOGETHER = 256
"""Histories of one beam search: TIGER's keys and values at beam 50 take 0.6 GB."""
JUDGED = 2_000
"""Most users of validation that choose the epoch, and of the test whose free answers are counted."""
K = 10


class Retriever(Protocol):
    """A generator of next items."""

    model: nn.Module

    def batches(self, log: Histories, epoch: int) -> list[tuple[Tensor, ...]]:
        """Return what the model learns from in an epoch, the same each time it is asked."""

    def begin(self, log: Histories) -> beam.Session:
        """Return a session that answers histories, none of them empty."""


class Share(Protocol):
    """What a process does of a training."""

    def learner(self, model: nn.Module) -> nn.Module:
        """Return what learns, with the model's parameters."""

    def part(self, batches: list[tuple[Tensor, ...]]) -> list[tuple[Tensor, ...]]:
        """Return the batches of an epoch that are this process's."""

    def agreed(self, asked: Callable[[], float]) -> float:
        """Return an answer that all processes act on."""


class Alone:
    """All of it, see `Share`."""

    def learner(self, model: nn.Module) -> nn.Module:
        """Return the model."""
        return model

    def part(self, batches: list[tuple[Tensor, ...]]) -> list[tuple[Tensor, ...]]:
        """Return all of them."""
        return batches

    def agreed(self, asked: Callable[[], float]) -> float:
        """Return the answer."""
        return asked()


Made = Callable[[KnownIds, Plan], Retriever]
KINDS: Mapping[str, Made] = {"decoder": DecoderRetriever, "tiger": TigerRetriever}


def retriever(known: KnownIds, plan: Plan) -> Retriever:
    """Return a generator that has learnt nothing yet."""
    return KINDS[plan.kind](known, plan)


def fit(made: Retriever, corpus: Corpus, params: TrainingParams, watch: Watch, share: Share | None = None) -> State:
    """Train it, judged by NDCG@10 of validation, and return the state of the end.

    Args:
        made: The generator; it has the best weights in the end.
        corpus: What it learns from.
        params: How.
        watch: Progress, checkpoints, a reason to stop and where to go on from.
        share: This process's part when several train together; by default all of it.

    Raises:
        InputRefused: Nobody has a history and an item after it to be judged by.
    """
    refuse_unjudged(corpus)
    sample, share = some(corpus.split.valid, params.seed), share or Alone()

    def judge() -> float:
        hits = hits_of(ranked(made, sample.histories, corpus.known, K), sample.targets)
        return float(per_user(hits, cutoffs=(K,))[f"ndcg_{K}"].mean())

    state = train(
        share.learner(made.model),
        lambda epoch: share.part(made.batches(corpus.split.train, epoch)),
        lambda: share.agreed(judge),
        params,
        watch,
    )
    made.model.eval()
    return state


def refuse_unjudged(corpus: Corpus) -> None:
    """Raise InputRefused when nobody has a history and an item after it to be judged by."""
    if not len(corpus.split.valid.targets) or not len(corpus.split.test.targets):
        raise InputRefused("no history is long enough to be judged by", next_step="give users with three events")


def ranked(made: Retriever, log: Histories, known: KnownIds, width: int) -> NDArray[np.int32]:
    """Return (n, 10) rows of `known`, best first, by a beam of `width` over the IDs that readers see."""
    found = _searched(made, log, beam.OnlyValid(known.tables, device.of(made.model)), width)
    return known.tables.expand(torch.cat([part.numbers for part in found]).cpu().numpy(), K)


def invalid_share(made: Retriever, log: Histories, known: KnownIds, width: int) -> float:
    """Return which share of the ten best answers is no item's ID when the beam is free."""
    found = _searched(made, log, beam.Anything(known.vocabulary.level_sizes), width)
    said = torch.cat([part.scores[:, :K] for part in found]).flatten() > -torch.inf  # a decoder may know fewer IDs
    ids = torch.cat([part.ids[:, :K] for part in found]).flatten(0, 1)[said].cpu().numpy()
    return float((known.tables.find(ids) < 0).mean())


def some(examples: Examples, seed: int) -> Examples:
    """Return at most `JUDGED` of the examples, drawn."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(examples.targets))[:JUDGED])
    return Examples(examples.histories.of(rows), examples.targets[rows])


def save(folder: Path, made: Retriever, known: KnownIds, plan: Plan, about: Mapping[str, Any]) -> None:
    """Write weights, IDs and what makes the model anew into a folder, see `model_folder`."""
    model_folder.write(folder, made.model, known, {"plan": asdict(plan), **about})


def load(folder: Path) -> tuple[Retriever, KnownIds]:
    """Return the generator that `save` wrote, ready to answer, and its IDs."""
    facts, known = model_folder.read(folder)
    made = retriever(known, Plan(**facts["plan"]))
    model_folder.fill(made.model, folder)
    return made, known


def _searched(made: Retriever, log: Histories, rule: beam.Rule, width: int) -> list[beam.Hypotheses]:
    parts = [np.arange(start, min(start + TOGETHER, len(log))) for start in range(0, len(log), TOGETHER)]
    made.model.eval()
    with torch.inference_mode():
        return [beam.search(made.begin(log.of(rows)), rule, width) for rows in parts]
