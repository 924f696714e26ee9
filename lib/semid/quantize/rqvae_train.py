"""RQ-VAE training (torch). The result, `rqvae.RqvaeCodebook`, needs numpy only.

Loss of TIGER, arXiv 2305.05065, with two starts that make it stable: codebooks by k-means on the latent vectors,
and encoder and decoder as principal components plus an MLP whose last layer is zero (RQ-KMeans+ of MiniOneRec).
So epoch 0 is residual k-means, and the checkpoint kept is the one that reconstructs held-out rows best.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from semid.quantize.base import (
    Codebook,
    Floats,
    Progress,
    check_enough,
    check_warm_start,
    finite_vectors,
)
from semid.quantize.rkmeans import RkmeansQuantizer
from semid.quantize.rqvae import RqvaeCodebook, SkipMlp
from semid.quantize.rqvae_module import repeatable
from semid.quantize.rqvae_passes import Passes, RqvaeParams
from semid.quantize.rqvae_warm import refined


@dataclass(frozen=True)
class RqvaeQuantizer:
    """Trains an RQ-VAE.

    Args:
        sizes: Codes per level.
        params: Hyper-parameters.
        progress: Called after each epoch (0 is the start) with `loss` of training and `held_out_error`, the
            latter relative to the variance. A warm start has the loss only, from epoch 1.
    """

    sizes: tuple[int, ...]
    params: RqvaeParams = field(default_factory=RqvaeParams)
    progress: Progress | None = None

    def fit(self, x: Floats, rng: np.random.Generator, warm_start: Codebook | None = None) -> RqvaeCodebook:
        """Return the codebook that reconstructs held-out rows of `x` (n, d) best; with `warm_start`, see `rqvae_warm`.

        Same rows, order, seed, machine and `threads`: same bytes. Global torch settings are put back.

        Raises:
            ValueError: See `base.Quantizer.fit`.
        """
        x = finite_vectors(x)
        check_enough(x, self.sizes)
        with repeatable(self.params.threads):
            if warm_start is not None:
                return refined(self._checked(warm_start, x.shape[1]), x, self.params, rng, self.progress)
            order = rng.permutation(len(x))
            cut = max(1, round(self.params.held_out * len(x)))
            held_out, training = x[np.sort(order[:cut])], x[np.sort(order[cut:])]
            start = initial_codebook(training, self.sizes, self.params, rng)
            return _Training(start, training, held_out, self.params, rng).run(self.progress)

    def _checked(self, warm_start: Codebook, dim: int) -> RqvaeCodebook:
        """Return `warm_start` if it has this quantizer's kind, sizes and widths, else raise ValueError."""
        check_warm_start(warm_start, RqvaeCodebook.kind, self.sizes, dim)
        widths = (dim, *self.params.hidden, min(self.params.latent, dim))
        if not isinstance(warm_start, RqvaeCodebook) or warm_start.encoder.widths != widths:
            raise ValueError(f"cannot start an encoder of widths {widths} from {warm_start.metadata()}")
        return warm_start


def initial_codebook(x: Floats, sizes: tuple[int, ...], params: RqvaeParams, rng: np.random.Generator) -> RqvaeCodebook:
    """Return residual k-means on the principal components of `x` (n, d), with MLPs that add nothing yet."""
    mean, axes = principal_axes(x, min(params.latent, x.shape[1]))
    encoder = _linear_start(axes, -mean @ axes, params.hidden, rng)
    decoder = _linear_start(axes.T, mean, params.hidden[::-1], rng)
    return RqvaeCodebook(encoder, RkmeansQuantizer(sizes).fit(encoder(x), rng).centroids, decoder)


def principal_axes(x: Floats, width: int) -> tuple[Floats, Floats]:
    """Return the mean (d,) of `x` (n, d) and its first principal axes (d, width), each with its largest entry > 0."""
    mean = x.mean(axis=0, dtype=np.float64)
    centred = x - mean
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :width]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(width)]
    return mean.astype(np.float32), np.ascontiguousarray(axes * np.sign(largest), dtype=np.float32)


def _linear_start(skip: Floats, bias: Floats, hidden: tuple[int, ...], rng: np.random.Generator) -> SkipMlp:
    """Return y = x skip + bias, with hidden layers ready to learn (He et al., arXiv 1502.01852) and a zero last."""
    widths = (len(skip), *hidden)
    weights = [
        (rng.standard_normal((before, after)) * np.sqrt(2 / before)).astype(np.float32)
        for before, after in pairwise(widths)
    ]
    weights.append(np.zeros((widths[-1], skip.shape[1]), np.float32))
    biases = [np.zeros(width, np.float32) for width in hidden]
    return SkipMlp(np.ascontiguousarray(skip), tuple(weights), (*biases, bias.astype(np.float32)))


class _Training:
    """One training from the start: rows that train, and rows that choose the checkpoint."""

    def __init__(
        self, start: RqvaeCodebook, training: Floats, held_out: Floats, params: RqvaeParams, rng: np.random.Generator
    ) -> None:
        self.best, self.params = start, params
        self.passes = Passes(start, training, params, params.epochs, rng)
        self.held_out = torch.from_numpy(held_out)
        self.variance = float(training.var(axis=0, dtype=np.float64).sum()) or 1.0

    def run(self, progress: Progress | None) -> RqvaeCodebook:
        """Train until the held-out error stops falling; return the best checkpoint, maybe the start."""
        lowest, waited = self.held_out_error(), 0
        if progress:
            progress(0, {"held_out_error": lowest})
        for epoch in range(1, self.params.epochs + 1):
            loss, error = self.passes.epoch(self.step), self.held_out_error()
            if progress:
                progress(epoch, {"loss": loss, "held_out_error": error})
            waited = 0 if error < lowest else waited + 1
            if error < lowest:
                lowest, self.best = error, self.passes.module.frozen()
            if waited == self.params.patience:
                break
        return self.best

    def step(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the losses of some rows with the codes nearest to them, and those codes."""
        x, module = self.passes.x[rows], self.passes.module
        latent = module.encoder(x)
        codes = module.nearest(latent)
        return module.losses(x, latent, codes, self.params.commitment), codes

    def held_out_error(self) -> float:
        """Return the squared error of the held-out rows, relative to the variance of the training rows."""
        error = (self.passes.module.reconstruct(self.held_out) - self.held_out).square().sum(dim=1).mean()
        return float(error) / self.variance
