"""Hyper-parameters of an RQ-VAE's training."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from semid.quantize.rqvae_assignment import ASSIGNMENTS
from semid.quantize.rqvae_codebooks import LEARNINGS
from semid.quantize.rqvae_gradient import ESTIMATORS

_NAMES: Mapping[str, Collection[str]] = {"gradient": ESTIMATORS, "codebooks": LEARNINGS, "assignment": ASSIGNMENTS}


class Pace(NamedTuple):
    """How long and how fast to train: most passes over the rows, and AdamW's learning rate at the start."""

    epochs: int
    learning_rate: float


@dataclass(frozen=True)
class RqvaeParams:
    """Every hyper-parameter of the training.

    Args:
        latent: Width of the latent space; vectors that are narrower keep their own width. On completejourney, 384-d,
            128 / 256 / 384 give a held-out error of .357 / .331 / .331 (residual k-means: .346), and .103 / .116 / .119
            of the texts share all codes. At 128 what the principal components leave out costs more than the networks
            win back.
        hidden: Widths of the encoder's hidden layers; the decoder has them in reverse.
        epochs: Most passes over the training rows.
        patience: Stop after this many epochs without a better held-out reconstruction. With 8, CMOA stopped after 23
            epochs at a held-out error of .4625 where 40 give .4616; but rows seen were at .371 instead of .359, and
            how near a successor comes to a cold refit was a matter of where both had stopped.
        batch_rows: Rows per step.
        learning_rate: Of AdamW, at its start; falls to zero along a cosine. 3e-3 never beat the start.
        weight_decay: Of AdamW, on matrices of the networks only.
        gradient: How the decoder's gradient reaches the encoder: `straight_through` | `rotation`.
        codebooks: How centroids learn: `gradient` | `ema` (moving averages).
        assignment: Codes that rows train with: `nearest` | `sinkhorn` (every level balanced in a batch) |
            `sinkhorn_last` (the last level only).
        commitment: Weight beta of pulling latents to their centroids.
        held_out: Share of rows, chosen by their hash, that never train and choose the checkpoint.
        warm_epochs: Most passes of a warm start.
        warm_learning_rate: Of a warm start. At 1e-3 the first passes undo what the old codebook knew of old items:
            Tate, +5 %, old items' error .3488 against .3476 before and .3451 at 3e-4. 1e-4 learns new items too slowly.
        anchor: Share of a warm start's loss that is taken with the old codes, see `rqvae_warm`.
        pair_weight: Weight of the pairs' contrastive loss, in variances of the vectors.
        temperature: Of that loss.
        threads: Threads of torch; another number rounds differently and gives other bytes.
    """

    latent: int = 256
    hidden: tuple[int, ...] = (512,)
    epochs: int = 40
    patience: int = 20
    batch_rows: int = 512
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    gradient: str = "straight_through"
    codebooks: str = "gradient"
    assignment: str = "nearest"
    commitment: float = 0.25
    held_out: float = 0.1
    warm_epochs: int = 20
    warm_learning_rate: float = 3e-4
    anchor: float = 0.7
    pair_weight: float = 0.1
    temperature: float = 0.1
    threads: int = 2

    @property
    def cold(self) -> Pace:
        """The pace of a training from the start."""
        return Pace(self.epochs, self.learning_rate)

    @property
    def warm(self) -> Pace:
        """The pace of a training from an older codebook."""
        return Pace(self.warm_epochs, self.warm_learning_rate)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))  # a list, when it comes from a file
        counts = (self.epochs, self.patience, self.batch_rows, self.warm_epochs, self.threads)
        rates = min(self.learning_rate, self.warm_learning_rate)
        if min(self.latent, *self.hidden, *counts) < 1 or rates <= 0 or not 0 < self.held_out < 1:
            raise ValueError(f"widths, counts and learning rates are positive, held_out is in (0, 1): {self}")
        if not 0 <= self.anchor <= 1:
            raise ValueError(f"anchor is a share, got {self.anchor}")
        if not (self.pair_weight > 0 and self.temperature > 0):
            raise ValueError(f"pair_weight and temperature are positive: {self}")
        for name, known in _NAMES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is one of {', '.join(known)}, got {getattr(self, name)!r}")
