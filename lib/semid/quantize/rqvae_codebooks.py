"""How the centroids of an RQ-VAE learn: from gradients or as moving averages (torch)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

DECAY = 0.99
"""Share of the average that a step keeps: van den Oord et al., arXiv 1711.00937, appendix A.1."""


class Trial(NamedTuple):
    """What a step of the training tried.

    Attributes:
        losses: One per row of the batch (m,).
        latent: Latents (r, w) that had codes; a row of the batch may be there more than once.
        codes: Their codes (r, levels).
        weight: How much each of them (r,) counts.
    """

    losses: Tensor
    latent: Tensor
    codes: Tensor
    weight: Tensor


class Learning(Protocol):
    """What moves centroids beside the optimizer."""

    def after_step(self, trial: Trial) -> None:
        """Learn from a batch that the optimizer has learned from."""

    def moved(self, level: int, codes: Tensor) -> None:
        """Forget what is known of codes whose centroids were put elsewhere."""


class GradientCodebooks:
    """Centroids are parameters like others: the optimizer pulls them to their residuals."""

    def __init__(self, centroids: Sequence[Tensor], batch_rows: int) -> None:
        """Leave the centroids to the optimizer."""

    def after_step(self, trial: Trial) -> None:
        """Do nothing: the optimizer has."""

    def moved(self, level: int, codes: Tensor) -> None:
        """Do nothing: AdamW's averages of the gradient fade within a few steps."""


class EmaCodebooks:
    """Centroids are moving averages of their residuals: van den Oord et al., arXiv 1711.00937, appendix A.1.

    Args:
        centroids: One (size, w) parameter per level, taken from the optimizer.
        batch_rows: Rows of a step; each centroid starts as the mean of its even share of them.
    """

    def __init__(self, centroids: Sequence[Tensor], batch_rows: int) -> None:
        self.centroids = [c.requires_grad_(False) for c in centroids]
        self.share = [batch_rows / len(c) for c in centroids]
        self.rows = [torch.full((len(c),), share) for c, share in zip(centroids, self.share, strict=True)]
        self.sums = [c * rows[:, None] for c, rows in zip(self.centroids, self.rows, strict=True)]

    def after_step(self, trial: Trial) -> None:
        """Move each centroid to the average of what its rows had left."""
        residual = trial.latent.detach()
        for level, code in enumerate(trial.codes.T):
            chosen = self.centroids[level][code]
            self.rows[level].mul_(DECAY).index_add_(0, code, (1 - DECAY) * trial.weight)
            self.sums[level].mul_(DECAY).index_add_(0, code, (1 - DECAY) * trial.weight[:, None] * residual)
            self.centroids[level].copy_(self.sums[level] / self.rows[level].clamp_min(1e-12)[:, None])
            residual = residual - chosen

    def moved(self, level: int, codes: Tensor) -> None:
        """Start these codes again as the mean of their even share of a step."""
        self.rows[level][codes] = self.share[level]
        self.sums[level][codes] = self.centroids[level][codes] * self.share[level]


LEARNINGS: dict[str, Callable[[Sequence[Tensor], int], Learning]] = {
    "gradient": GradientCodebooks,
    "ema": EmaCodebooks,
}
