"""RQ-VAE training (torch). The result, `rqvae.RqvaeCodebook`, needs numpy only.

Loss of TIGER, arXiv 2305.05065, with two starts that make it stable: codebooks by k-means on the latent vectors,
and encoder and decoder as principal components plus an MLP whose last layer is zero (RQ-KMeans+ of MiniOneRec).
So epoch 0 is residual k-means, and the checkpoint kept is the one that reconstructs held-out rows best, where there
are pairs (`rqvae_contrast`) the one with the least sum of that error and of the loss of held-out pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semid.quantize.base import (
    Codebook,
    Floats,
    Progress,
    check_enough,
    check_warm_start,
    finite_vectors,
)
from semid.quantize.holdout import held_out
from semid.quantize.pairs import Pairs
from semid.quantize.rkmeans import RkmeansQuantizer
from semid.quantize.rqvae import RqvaeCodebook, SkipMlp
from semid.quantize.rqvae_codebooks import Trial
from semid.quantize.rqvae_contrast import pair_judge, with_pairs
from semid.quantize.rqvae_module import repeatable
from semid.quantize.rqvae_params import RqvaeParams
from semid.quantize.rqvae_passes import Judge, Passes, Step
from semid.quantize.rqvae_warm import anchored_step, recentred


@dataclass(frozen=True)
class RqvaeQuantizer:
    """Trains an RQ-VAE.

    Args:
        sizes: Codes per level.
        params: Hyper-parameters.
        progress: Called after each epoch (0 is the start) with `loss` of training and `held_out_error`, the
            latter relative to the variance; with pairs also `held_out_pairs`.
        pairs: Rows of the vectors to come that belong together.
    """

    sizes: tuple[int, ...]
    params: RqvaeParams = field(default_factory=RqvaeParams)
    progress: Progress | None = None
    pairs: Pairs | None = None

    def with_pairs(self, pairs: Pairs) -> Self:
        """Return this quantizer, to be fitted to the vectors whose rows `pairs` name; see `rqvae_contrast`."""
        return replace(self, pairs=pairs)

    def fit(self, x: Floats, rng: np.random.Generator, warm_start: Codebook | None = None) -> RqvaeCodebook:
        """Return the codebook that reconstructs held-out rows of `x` (n, d) best; see `rqvae_warm` for `warm_start`.

        Same rows, order, seed, machine and `threads`: same bytes. Global torch settings are put back.

        Raises:
            ValueError: See `base.Quantizer.fit`.
        """
        x = finite_vectors(x)
        check_enough(x, self.sizes)
        out = held_out(x, self.params.held_out, "rqvae")
        with repeatable(self.params.threads):
            if warm_start is None:
                start = initial_codebook(x[~out], self.sizes, self.params, rng)
                passes = Passes(start, x[~out], self.params, self.params.cold, rng)
                return self._trained(start, passes, nearest_step(passes), x, out)
            old = self._checked(warm_start, x.shape[1])
            start = recentred(old, x[~out], rng)
            passes = Passes(start, x[~out], self.params, self.params.warm, rng)
            return self._trained(start, passes, anchored_step(passes, old), x, out)

    def _trained(
        self, start: RqvaeCodebook, passes: Passes, step: Step, x: Floats, out: NDArray[np.bool_]
    ) -> RqvaeCodebook:
        """Return the best checkpoint, with the rows `out` (n,) of `x` (n, d) as the judge."""
        judge = reconstruction_judge(passes, x[out])
        if self.pairs is not None:
            step = with_pairs(step, passes, self.pairs.within(~out))
            judge = pair_judge(judge, passes, x, self.pairs.touching(out))
        return best_checkpoint(start, passes, step, judge, self.progress)

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


def nearest_step(passes: Passes) -> Step:
    """Return the step of a training from the start: losses with the codes that rows train with."""

    def step(rows: Tensor) -> Trial:
        x = passes.x[rows]
        latent = passes.module.encoder(x)
        codes = passes.module.assigned(latent)
        return Trial(
            passes.module.losses(x, latent, codes, passes.params.commitment), latent, codes, torch.ones(len(x))
        )

    return step


def reconstruction_judge(passes: Passes, held_out_rows: Floats) -> Judge:
    """Return what gives the error of `held_out_rows` (n, d), relative to the variance of those that train."""
    unseen = torch.from_numpy(held_out_rows)

    def judge() -> dict[str, float]:
        squares = (passes.module.reconstruct(unseen) - unseen).square().sum(dim=1)
        return {"held_out_error": float(squares.mean()) / passes.variance}

    return judge


def best_checkpoint(
    start: RqvaeCodebook, passes: Passes, step: Step, judge: Judge, progress: Progress | None
) -> RqvaeCodebook:
    """Train until the judge's losses stop falling; return the best checkpoint, maybe `start`."""
    best, now, waited = start, judge(), 0
    lowest = sum(now.values())
    if progress:
        progress(0, now)
    for epoch in range(1, passes.epochs + 1):
        loss, now = passes.epoch(step), judge()
        if progress:
            progress(epoch, {"loss": loss, **now})
        better = sum(now.values()) < lowest
        waited = 0 if better else waited + 1
        if better:
            lowest, best = sum(now.values()), passes.module.frozen()
        if waited == passes.params.patience:
            break
    return best
