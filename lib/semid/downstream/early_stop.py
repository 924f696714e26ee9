"""How the small models learn (torch): Adam over all batches, the best epoch kept, ended when there is no gain.

They train for minutes and are never resumed; what a generator needs beside this is in `training`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from semid.quantize.base import Progress


@dataclass(frozen=True)
class Patience:
    """When training ends: after `epochs`, or after `patience` of them without gain."""

    epochs: int
    patience: int


def keep_best(
    model: nn.Module,
    epoch: Callable[[], float],
    judge: Callable[[], float],
    end: Patience,
    progress: Progress | None = None,
) -> None:
    """Train `model` and leave it with the weights of the epoch that `judge` found best, the first of equal ones.

    Args:
        model: What learns.
        epoch: Trains it once on everything and returns the mean loss.
        judge: Called after each epoch; larger is better.
        end: When to stop.
        progress: Called after each epoch with `loss` and `judge`.
    """
    best, highest, waited = {}, -np.inf, 0
    for number in range(1, end.epochs + 1):
        loss, now = epoch(), judge()
        if progress:
            progress(number, {"loss": loss, "judge": now})
        waited = 0 if now > highest else waited + 1
        if now > highest:
            highest, best = now, {name: value.clone() for name, value in model.state_dict().items()}
        if waited == end.patience:
            break
    model.load_state_dict(best)


def descend(model: nn.Module, optimizer: torch.optim.Optimizer, losses: Iterable[Tensor]) -> float:
    """Take a step down each loss, as it comes; return their mean."""
    model.train()
    seen = []
    for loss in losses:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(float(loss.detach()))
    return float(np.mean(seen))
