"""A small ranking model: does this user, with this history, take this item? To compare features of items by.

The user is the mean of what the history's items look up, the item what it looks up itself, and both come from one
table: what differs between two models is which rows stand for an item, and how many rows there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from semid.downstream.bags import Bags
from semid.downstream.early_stop import Patience, descend, keep_best
from semid.downstream.item_bag import ItemBag
from semid.downstream.sequences import Histories, Rows
from semid.measure.ranking import log_loss
from semid.quantize.base import Progress
from semid.quantize.rqvae_module import repeatable


@dataclass(frozen=True, eq=False)
class Shown:
    """Items that were shown to users.

    Attributes:
        history: What each user (rows, length) took before; -1 where there is less.
        item: What was shown (rows,).
        clicked: Whether it was taken (rows,).
    """

    history: Rows
    item: Rows
    clicked: NDArray[np.bool_]


@dataclass(frozen=True)
class RankerParams:
    """Hyper-parameters.

    Attributes:
        width: Of a row of the table.
        hidden: Of the layer between.
        length: Last items of a history that are read.
        negatives: Items shown in vain per item taken.
        batch: Rows per step.
        learning_rate: Of Adam.
        epochs: Most passes.
        patience: Epochs without gain after which training ends.
        threads: Of torch.
    """

    width: int = 16
    hidden: int = 32
    length: int = 20
    negatives: int = 2
    batch: int = 1024
    learning_rate: float = 2e-3
    epochs: int = 10
    patience: int = 2
    threads: int = 1


class Ranker(nn.Module):  # type: ignore[misc]
    """Histories and items in, log-odds of a click out."""

    def __init__(self, bags: Bags, params: RankerParams) -> None:
        super().__init__()
        self.params = params
        self.bag = ItemBag(bags, params.width)
        self.layers = nn.Sequential(nn.Linear(3 * params.width, params.hidden), nn.ReLU(), nn.Linear(params.hidden, 1))

    def forward(self, history: Tensor, item: Tensor) -> Tensor:
        """Return (rows,) log-odds of `item` (rows,) after `history` (rows, length)."""
        known = (history >= 0).sum(dim=1, keepdim=True).clamp(min=1)
        user, shown = self.bag(history).sum(dim=1) / known, self.bag(item)
        both = user * shown
        out: Tensor = self.layers(torch.cat([user, shown, both], dim=1)).squeeze(1) + both.sum(dim=1)
        return out

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def logits(self, shown: Shown) -> NDArray[np.float64]:
        """Return the log-odds (rows,) of a click."""
        self.eval()
        rows = [torch.from_numpy(part).split(8_192) for part in (shown.history, shown.item)]
        with repeatable(self.params.threads):
            found = torch.cat([self(history, item) for history, item in zip(*rows, strict=True)])
        return np.asarray(found.numpy(), np.float64)


def every_step(log: Histories, length: int) -> tuple[Rows, Rows]:
    """Return what each event but the first of its user came after, (rows, length), and its item (rows,)."""
    begin = np.repeat(log.offsets[:-1], log.lengths)
    here = np.flatnonzero(np.arange(len(log.items)) > begin)
    back = here[:, None] + np.arange(-length, 0)
    history = np.where(back >= begin[here, None], log.items[np.maximum(back, 0)], -1)
    return history.astype(np.int32), log.items[here]


def against_shuffled(history: Rows, item: Rows, negatives: int, rng: np.random.Generator) -> Shown:
    """Return each (history, item) as a click, and `negatives` times with an item that another row took.

    Items shown in vain are the clicked ones in another order, so that each item is clicked as often as any: neither
    popularity nor being new tells a click, only whether the item goes with the history.
    """
    vain = [rng.permutation(item) for _ in range(negatives)]
    clicked = np.arange((1 + negatives) * len(item)) < len(item)
    return Shown(np.tile(history, (1 + negatives, 1)), np.concatenate([item, *vain]), clicked)


def fit_ranker(
    bags: Bags,
    clicks: tuple[Rows, Rows],
    judge: Shown,
    rng: np.random.Generator,
    params: RankerParams | None = None,
    progress: Progress | None = None,
) -> Ranker:
    """Return the model of the epoch with the least log-loss on `judge`.

    Args:
        bags: The features of the items.
        clicks: Histories and items, as of `every_step`; new negatives every epoch.
        judge: Rows that do not train.
        rng: Seeds weights, order and negatives.
        params: Hyper-parameters; the defaults when None.
        progress: Called after each epoch with `loss` and, as `judge`, the log-loss below zero.
    """
    params = params or RankerParams()
    with repeatable(params.threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**63)))
        model = Ranker(bags, params)
        optimizer = torch.optim.Adam(model.parameters(), params.learning_rate)

        def epoch() -> float:
            shown = against_shuffled(*clicks, params.negatives, rng)
            return descend(model, optimizer, _losses(model, shown, rng))

        def gain() -> float:
            return -float(log_loss(model.logits(judge), judge.clicked).mean())

        keep_best(model, epoch, gain, Patience(params.epochs, params.patience), progress)
    return model


def _losses(model: Ranker, shown: Shown, rng: np.random.Generator) -> Iterator[Tensor]:
    """Yield the loss of batches that hold every row of `shown` once, in random order."""
    parts = [torch.from_numpy(part) for part in (shown.history, shown.item, shown.clicked.astype(np.float32))]
    for rows in torch.from_numpy(rng.permutation(len(shown.item))).split(model.params.batch):
        history, item, clicked = (part[rows] for part in parts)
        yield F.binary_cross_entropy_with_logits(model(history, item), clicked)
