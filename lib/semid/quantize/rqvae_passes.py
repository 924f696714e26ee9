"""Passes over the training rows of an RQ-VAE (torch): parameters, optimizer, unused codes brought back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from semid.quantize.base import Floats
from semid.quantize.rqvae import RqvaeCodebook
from semid.quantize.rqvae_module import RqvaeModule


@dataclass(frozen=True)
class RqvaeParams:
    """Every hyper-parameter of the training.

    Args:
        latent: Width of the latent space; vectors that are narrower keep their own width. With 384 instead of 128
            the held-out error falls from .409 to .392, and items sharing all codes rise from 10.4 to 12.8 %.
        hidden: Widths of the encoder's hidden layers; the decoder has them in reverse.
        epochs: Most passes over the training rows.
        patience: Stop after this many epochs without a better held-out reconstruction.
        batch_rows: Rows per step.
        learning_rate: Of AdamW, at its start; falls to zero along a cosine. 3e-3 never beat the start.
        weight_decay: Of AdamW, on matrices of the networks only.
        commitment: Weight beta of pulling latents to their centroids.
        held_out: Share of rows, chosen by their hash, that never train and choose the checkpoint.
        warm_epochs: Most passes of a warm start.
        anchor: Share of a warm start's loss that is taken with the old codes, see `rqvae_warm`.
        threads: Threads of torch; another number rounds differently and gives other bytes.
    """

    latent: int = 128
    hidden: tuple[int, ...] = (512,)
    epochs: int = 40
    patience: int = 8
    batch_rows: int = 512
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    commitment: float = 0.25
    held_out: float = 0.1
    warm_epochs: int = 20
    anchor: float = 0.9
    threads: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))  # a list, when it comes from a file
        counts = (self.epochs, self.patience, self.batch_rows, self.warm_epochs, self.threads)
        if min(self.latent, *self.hidden, *counts) < 1 or self.learning_rate <= 0 or not 0 < self.held_out < 1:
            raise ValueError(f"widths, counts and learning_rate are positive, held_out is in (0, 1): {self}")
        if not 0 <= self.anchor <= 1:
            raise ValueError(f"anchor is a share, got {self.anchor}")


Step = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Gives, for row numbers (m,), the losses (m,) and the codes (any, levels) that count as used."""


class Passes:
    """A module in training, its optimizer and its rows.

    Args:
        start: Where the module starts.
        x: Training rows (n, d).
        params: Hyper-parameters.
        epochs: Passes until the learning rate has fallen to zero.
        rng: Orders the rows and draws those that unused codes move to.
    """

    def __init__(
        self, start: RqvaeCodebook, x: Floats, params: RqvaeParams, epochs: int, rng: np.random.Generator
    ) -> None:
        self.x, self.params, self.epochs, self.rng = torch.from_numpy(x), params, epochs, rng
        self.module = RqvaeModule(start)
        matrices = [p for n, p in self.module.named_parameters() if "weights" in n]
        others = [p for n, p in self.module.named_parameters() if "weights" not in n]
        groups = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=params.learning_rate, weight_decay=params.weight_decay)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, epochs)

    def epoch(self, step: Step) -> float:
        """Take one pass over the rows, revive unused codes, and return the mean loss."""
        losses, used = [], [torch.zeros(len(c)) for c in self.module.centroids]
        order = torch.from_numpy(self.rng.permutation(len(self.x)))
        for rows in order.split(self.params.batch_rows):
            each, codes = step(rows)
            loss = each.mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(float(loss.detach()))
            used = [n + torch.bincount(code, minlength=len(n)) for n, code in zip(used, codes.T, strict=True)]
        self.schedule.step()
        self._revive(used)
        return float(np.mean(losses))

    def _revive(self, used: list[Tensor]) -> None:
        """Move each code that was not used onto what a random row has left at that level."""
        for level, count in enumerate(used):
            dead = torch.nonzero(count == 0).flatten()
            with torch.no_grad():
                rows = torch.from_numpy(self.rng.integers(len(self.x), size=len(dead)))
                self.module.centroids[level][dead] = self.module.residual(self.x[rows], level)
