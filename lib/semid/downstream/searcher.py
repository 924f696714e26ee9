"""A differentiable search index (torch): learns which item a query wants, answers with items, is kept in a folder.

DSI (arXiv 2202.06991) over semantic IDs: hashed words of the query in (`dsi`), an ID out, searched by a beam among the
IDs that readers see. Learnt from a log of searches or from queries made of items (`queries`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from semid.downstream import beam, device, model_folder
from semid.downstream.corpus import KnownIds
from semid.downstream.dsi import query_tokens
from semid.downstream.plan import SearchPlan, shaped
from semid.downstream.queries import Parts, Queries
from semid.downstream.query_decoder import QueryDecoder
from semid.downstream.tiger import Tiger, TigerShape
from semid.downstream.training import State, TrainingParams, Watch, train
from semid.downstream.tree_decoder import TreeShape
from semid.measure.retrieval import hits_of

TOGETHER = 256
"""Queries of one beam search."""
K = 10

Rows = NDArray[np.int32]


class Searcher:
    """A model that says the ID of the item a query wants.

    Attributes:
        plan: How it was made.
        model: Its weights.

    Args:
        known: The IDs that it says.
        plan: How it is made.

    Raises:
        ConfigError: The plan's shape is none of its kind.
    """

    def __init__(self, known: KnownIds, plan: SearchPlan) -> None:
        self.plan, self._first = plan, known.vocabulary.size
        self.model, self._targets = KINDS[plan.kind](known, plan)

    def batches(self, queries: Queries, epoch: int) -> list[tuple[Tensor, ...]]:
        """Return what the model learns from in an epoch, the same each time: words (n, places), and what to say."""
        order = np.random.default_rng([self.plan.seed, epoch]).permutation(len(queries.texts))
        parts = [order[start : start + self.plan.batch] for start in range(0, len(order), self.plan.batch)]
        return [(self._read([queries.texts[n] for n in rows]), self._wanted(queries.items[rows])) for rows in parts]

    def begin(self, texts: Sequence[str]) -> beam.Session:
        """Return a session that answers queries."""
        session: beam.Session = self.model.begin(self._read(texts).to(device.of(self.model)))
        return session

    def _read(self, texts: Sequence[str]) -> Tensor:
        return torch.from_numpy(query_tokens(texts, self._first, self.plan.buckets, self.plan.words)).long()

    def _wanted(self, rows: NDArray[np.intp]) -> Tensor:
        return torch.from_numpy(self._targets[rows]).long()


def _decoder(known: KnownIds, plan: SearchPlan) -> tuple[nn.Module, Rows]:
    shape = shaped(TreeShape(dropout=0.3), plan.shape)
    model = QueryDecoder(known.ids, known.vocabulary, shape, plan.buckets, plan.seed)
    return model, np.arange(len(known.ids), dtype=np.int32)


def _tiger(known: KnownIds, plan: SearchPlan) -> tuple[nn.Module, Rows]:
    shape = shaped(TigerShape(layers=2, heads=4, head_width=32, hidden=512, reach=plan.words), plan.shape)
    return Tiger(known.vocabulary, shape, others=plan.buckets, seed=plan.seed), known.ids


Made = Callable[[KnownIds, SearchPlan], tuple[nn.Module, Rows]]
"""Returns a model that has learnt nothing yet, and what it is to say for each row of the IDs."""
KINDS: Mapping[str, Made] = {"decoder": _decoder, "tiger": _tiger}


def fit(made: Searcher, known: KnownIds, parts: Parts, params: TrainingParams, watch: Watch) -> State:
    """Train it, judged by Recall@10 of the checked queries, and return the state of the end.

    Args:
        made: What is trained; it has the best weights in the end.
        known: The IDs.
        parts: Queries, some learnt and some checked; their items are rows of `known`.
        params: How.
        watch: Progress, checkpoints, a reason to stop and where to go on from.
    """
    checked = parts.checked

    def judge() -> float:
        return float(hits_of(ranked(made, checked.texts, known, K), checked.items).any(axis=1).mean())

    state = train(made.model, lambda epoch: made.batches(parts.learnt, epoch), judge, params, watch)
    made.model.eval()
    return state


def ranked(made: Searcher, texts: Sequence[str], known: KnownIds, width: int) -> Rows:
    """Return (n, 10) rows of `known`, best first, by a beam of `width`; -1 where there are fewer items.

    Args:
        made: What answers.
        texts: Queries (n,).
        known: The IDs.
        width: Of the beam.
    """
    if not texts:
        return np.empty((0, K), np.int32)
    rule = beam.OnlyValid(known.tables, device.of(made.model))
    parts = [texts[start : start + TOGETHER] for start in range(0, len(texts), TOGETHER)]
    made.model.eval()
    with torch.inference_mode():
        found = [beam.search(made.begin(part), rule, width).numbers.cpu() for part in parts]
    return np.concatenate([known.tables.expand(numbers.numpy(), K) for numbers in found])


def save(folder: Path, made: Searcher, known: KnownIds, about: Mapping[str, Any]) -> None:
    """Write weights, IDs and what makes the model anew into a folder, see `model_folder`."""
    model_folder.write(folder, made.model, known, {"plan": asdict(made.plan), **about})


def load(folder: Path) -> tuple[Searcher, KnownIds]:
    """Return the searcher that `save` wrote, ready to answer, and its IDs."""
    facts, known = model_folder.read(folder)
    made = Searcher(known, SearchPlan(**facts["plan"]))
    model_folder.fill(made.model, folder)
    return made, known
