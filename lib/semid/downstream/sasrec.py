"""SASRec, self-attentive sequential recommendation (Kang, McAuley, ICDM 2018, arXiv 1808.09781): a row per item.

The paper's binary loss with one negative is replaced by the softmax over many, with which SASRec is as good as what
came after it (Klenitskiy, Vasilev, RecSys 2023, arXiv 2309.07602): a baseline should be a strong one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from semid.downstream.early_stop import Patience, descend, keep_best
from semid.downstream.ranked import by_score
from semid.measure.retrieval import NOTHING, Items
from semid.quantize.base import Progress
from semid.quantize.rqvae_module import repeatable


@dataclass(frozen=True)
class SasrecParams:
    """Hyper-parameters.

    Attributes:
        width: Of embeddings and blocks.
        blocks: Transformer blocks.
        heads: Attention heads of a block.
        length: Last items of a history that are read.
        dropout: Share of activations set to 0 in training.
        batch: Users per step.
        negatives: Items drawn per step that the next one is told from; as many as there are items, and it is the
            softmax over the whole catalog.
        learning_rate: Of Adam.
        epochs: Most passes over the users.
        patience: Epochs without gain after which training ends.
        threads: Of torch.
    """

    width: int = 64
    blocks: int = 2
    heads: int = 1
    length: int = 50
    dropout: float = 0.3
    batch: int = 128
    negatives: int = 1_000
    learning_rate: float = 1e-3
    epochs: int = 100
    patience: int = 5
    threads: int = 1


class Sasrec(nn.Module):  # type: ignore[misc]
    """Items in, a vector per position out, whose inner products with all items score the next one."""

    def __init__(self, items: int, params: SasrecParams) -> None:
        super().__init__()
        self.params = params
        self.items = nn.Embedding(items + 1, params.width, padding_idx=items)
        self.places = nn.Embedding(params.length, params.width)
        self.blocks = nn.ModuleList(_Block(params) for _ in range(params.blocks))
        self.last = nn.LayerNorm(params.width)
        nn.init.normal_(self.items.weight, std=0.02)
        nn.init.normal_(self.places.weight, std=0.02)

    def forward(self, histories: Tensor) -> Tensor:
        """Return (users, length, width) of `histories` (users, length): oldest first, padding behind.

        Attention is causal and padding comes last, so that no item sees it.
        """
        x = self.items(histories) * self.params.width**0.5 + self.places.weight[: histories.shape[1]]
        x = F.dropout(x, self.params.dropout, self.training)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.last(x)
        return out

    def scores(self, states: Tensor) -> Tensor:
        """Return the scores (n, items) of all items after `states` (n, width)."""
        return states @ self.items.weight[:-1].T

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def recommend(self, histories: Items, k: int) -> Items:
        """Return (users, k) the items that come next, without those of the history; see `ranked.by_score`.

        An empty history gets what mostly follows nothing: the same list for everybody.
        """
        self.eval()
        items = self.items.num_embeddings - 1
        recent, lengths = _recent(histories, items, self.params.length)

        def scores(part: slice) -> NDArray[np.float32]:
            states = self(torch.from_numpy(recent[part]))
            last = torch.from_numpy(np.maximum(lengths[part], 1) - 1)
            found: NDArray[np.float32] = self.scores(states[torch.arange(len(last)), last]).numpy()
            return found

        with repeatable(self.params.threads):
            return by_score(scores, histories, items, k)


class _Block(nn.Module):  # type: ignore[misc]
    """Causal self-attention and a feed-forward layer, each after a norm and beside a skip."""

    def __init__(self, params: SasrecParams) -> None:
        super().__init__()
        self.params, width = params, params.width
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.query_key_value, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        users, length, width = x.shape
        drop = self.params.dropout if self.training else 0.0
        parts = self.query_key_value(self.norms[0](x)).view(users, length, 3, self.params.heads, -1)
        q, k, v = parts.permute(2, 0, 3, 1, 4)  # each (users, heads, length, width / heads)
        seen = F.scaled_dot_product_attention(q, k, v, dropout_p=drop, is_causal=True)
        x = x + F.dropout(self.out(seen.transpose(1, 2).reshape(users, length, width)), drop)
        wider = F.dropout(F.relu(self.inner(self.norms[1](x))), drop)
        out: Tensor = x + F.dropout(self.outer(wider), drop)
        return out


def fit_sasrec(
    histories: Items,
    items: int,
    judge: Callable[[Sasrec], float],
    rng: np.random.Generator,
    params: SasrecParams | None = None,
    progress: Progress | None = None,
) -> Sasrec:
    """Return the model of the epoch that `judge` finds best, trained to tell each next item of each history.

    Args:
        histories: Items (users, length) of training, oldest first; `NOTHING` where there are fewer.
        items: How many there are.
        judge: Called after each epoch; larger is better, for instance NDCG on held-out items.
        rng: Seeds weights, order and dropout.
        params: Hyper-parameters; the defaults when None.
        progress: Called after each epoch with `loss` and `judge`.
    """
    params = params or SasrecParams()
    recent, lengths = _recent(histories, items, params.length + 1)
    recent, lengths = recent[lengths > 1], lengths[lengths > 1]
    with repeatable(params.threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**63)))
        model = Sasrec(items, params)
        optimizer = torch.optim.Adam(model.parameters(), params.learning_rate, betas=(0.9, 0.98))

        def epoch() -> float:
            return descend(model, optimizer, _losses(model, [recent[i] for i in _batches(lengths, params.batch, rng)]))

        keep_best(model, epoch, lambda: judge(model), Patience(params.epochs, params.patience), progress)
    return model


def _losses(model: Sasrec, batches: Sequence[NDArray[np.int64]]) -> Iterator[Tensor]:
    """Yield the loss of every position of each batch's histories (users, length + 1)."""
    padding = model.items.padding_idx
    for batch in batches:
        rows = torch.from_numpy(batch[:, (batch != padding).any(axis=0)])
        wanted = rows[:, 1:]
        there = wanted != padding
        yield _loss(model, model(rows[:, :-1])[there], wanted[there])


def _batches(lengths: NDArray[np.int64], batch: int, rng: np.random.Generator) -> list[NDArray[np.intp]]:
    """Return rows in batches of similar `lengths` (users,), in random order: else most of a batch is padding.

    On Beauty, 7 items a user and some with 50, it saves seven eighths of the positions.
    """
    order = rng.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    parts = [order[i : i + batch] for i in range(0, len(order), batch)]
    return [parts[i] for i in rng.permutation(len(parts))]


def _loss(model: Sasrec, states: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean -log softmax of the items `wanted` (n,) after `states` (n, width) among drawn ones."""
    drawn = torch.randperm(model.items.num_embeddings - 1)[: model.params.negatives]
    right = (states * model.items(wanted)).sum(dim=1, keepdim=True)
    wrong = (states @ model.items(drawn).T).masked_fill(drawn == wanted[:, None], -torch.inf)
    return -F.log_softmax(torch.cat([right, wrong], dim=1), dim=1)[:, 0].mean()


def _recent(histories: Items, padding: int, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the last `length` items (users, length) of each history, padding behind, and their number (users,)."""
    there = histories != NOTHING
    counts = there.sum(axis=1)
    place = there.cumsum(axis=1) - 1 - np.maximum(counts - length, 0)[:, None]
    kept = there & (place >= 0)
    recent = np.full((len(histories), length), padding, np.int64)
    recent[np.nonzero(kept)[0], place[kept]] = histories[kept]
    return recent, np.minimum(counts, length)
