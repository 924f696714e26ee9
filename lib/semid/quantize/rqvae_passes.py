"""Passes over the training rows of an RQ-VAE (torch): optimizer, unused codes brought back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from semid.quantize.base import Floats
from semid.quantize.rqvae import RqvaeCodebook
from semid.quantize.rqvae_assignment import ASSIGNMENTS
from semid.quantize.rqvae_codebooks import LEARNINGS, Trial
from semid.quantize.rqvae_gradient import ESTIMATORS
from semid.quantize.rqvae_module import RqvaeModule
from semid.quantize.rqvae_params import Pace, RqvaeParams

Step = Callable[[Tensor], Trial]
"""Tries row numbers (m,)."""

Judge = Callable[[], dict[str, float]]
"""Gives the named losses, in variances of the vectors, whose sum the best checkpoint has lowest."""


class Passes:
    """A module in training, its optimizer and its rows.

    Args:
        start: Where the module starts.
        x: Training rows (n, d).
        params: Hyper-parameters.
        pace: Passes until the learning rate has fallen to zero, and the rate at the start.
        rng: Orders the rows and draws those that unused codes move to.
    """

    def __init__(
        self, start: RqvaeCodebook, x: Floats, params: RqvaeParams, pace: Pace, rng: np.random.Generator
    ) -> None:
        self.x, self.params, self.epochs, self.rng = torch.from_numpy(x), params, pace.epochs, rng
        self.variance = float(self.x.var(dim=0, correction=0).sum()) or 1.0
        choices = ASSIGNMENTS[params.assignment](len(start.sizes))
        self.module = RqvaeModule(start, ESTIMATORS[params.gradient], choices)
        self.learning = LEARNINGS[params.codebooks](tuple(self.module.centroids), params.batch_rows)
        matrices = [p for n, p in self.module.named_parameters() if "weights" in n]
        others = [p for n, p in self.module.named_parameters() if "weights" not in n]
        groups = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=pace.learning_rate, weight_decay=params.weight_decay)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, pace.epochs)

    def epoch(self, step: Step) -> float:
        """Take one pass over the rows, revive unused codes, and return the mean loss."""
        losses, used = [], [torch.zeros(len(c)) for c in self.module.centroids]
        for rows in self.batches():
            trial = step(rows)
            loss = trial.losses.mean()
            self.optimizer.zero_grad()
            self.backward(loss)
            self.optimizer.step()
            self.learning.after_step(trial)
            losses.append(float(loss.detach()))
            used = [n + torch.bincount(code, minlength=len(n)) for n, code in zip(used, trial.codes.T, strict=True)]
        self.schedule.step()
        self.revive(used)
        return float(np.mean(losses))

    def batches(self) -> Iterator[Tensor]:
        """Yield the row numbers (m,) of every step of a pass."""
        order = torch.from_numpy(self.rng.permutation(len(self.x)))
        yield from order.split(self.params.batch_rows)

    def backward(self, loss: Tensor) -> None:
        """Give every parameter the gradient of `loss`."""
        loss.backward()

    def revive(self, used: list[Tensor]) -> None:
        """Move each code that was not used onto what a random row has left at that level."""
        for level, count in enumerate(used):
            dead = torch.nonzero(count == 0).flatten()
            with torch.no_grad():
                rows = torch.from_numpy(self.rng.integers(len(self.x), size=len(dead)))
                self.module.centroids[level][dead] = self.module.residual(self.x[rows], level)
                self.learning.moved(level, dead)
