"""RQ-VAE training (torch). The result, `rqvae.RqvaeCodebook`, needs numpy only.

Loss of TIGER, arXiv 2305.05065, with two starts that make it stable: codebooks by k-means on the latent vectors,
and encoder and decoder as principal components plus an MLP whose last layer is zero (RQ-KMeans+ of MiniOneRec).
So epoch 0 is residual k-means, and the checkpoint kept is the one that reconstructs held-out rows best.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

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
        held_out: Share of rows that never train and choose the checkpoint.
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
    threads: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))  # a list, when it comes from a file
        positive = (self.latent, *self.hidden, self.epochs, self.patience, self.batch_rows, self.threads)
        if min(positive) < 1 or self.learning_rate <= 0 or not 0 < self.held_out < 1:
            raise ValueError(f"widths, counts and learning_rate are positive, held_out is in (0, 1): {self}")


class SkipMlpModule(nn.Module):  # type: ignore[misc]  # torch is untyped here: its types cost mypy a minute
    """`rqvae.SkipMlp` with gradients."""

    def __init__(self, network: SkipMlp) -> None:
        super().__init__()
        self.skip = nn.Parameter(torch.from_numpy(network.skip.copy()))
        self.weights = nn.ParameterList(torch.from_numpy(w.copy()) for w in network.weights)
        self.biases = nn.ParameterList(torch.from_numpy(b.copy()) for b in network.biases)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, out) for `x` (n, in)."""
        hidden = x
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = functional.relu(hidden @ weight + bias)
        return x @ self.skip + hidden @ self.weights[-1] + self.biases[-1]

    def frozen(self) -> SkipMlp:
        """Return a copy as arrays."""
        weights, biases = (tuple(_array(p) for p in part) for part in (self.weights, self.biases))
        return SkipMlp(_array(self.skip), weights, biases)


class RqvaeModule(nn.Module):  # type: ignore[misc]
    """`rqvae.RqvaeCodebook` with gradients."""

    def __init__(self, codebook: RqvaeCodebook) -> None:
        super().__init__()
        self.encoder = SkipMlpModule(codebook.encoder)
        self.decoder = SkipMlpModule(codebook.decoder)
        self.centroids = nn.ParameterList(torch.from_numpy(c.copy()) for c in codebook.centroids)

    def quantize(self, latent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return codes (n, levels), the sum of their centroids (n, latent), and the residuals' summed squares.

        The last is (n, 2): pull of centroids to residuals, and of residuals to centroids (commitment).
        """
        residual, codes = latent, []
        quantized, pulls = torch.zeros_like(latent), torch.zeros(len(latent), 2)
        for centroids in self.centroids:
            with torch.no_grad():
                scores = centroids.square().sum(dim=1) / 2 - residual @ centroids.T
                code = scores.argmin(dim=1)
            chosen = functional.embedding(code, centroids)
            pulls = pulls + torch.stack(
                [(residual.detach() - chosen).square().sum(dim=1), (residual - chosen.detach()).square().sum(dim=1)],
                dim=1,
            )
            quantized, residual = quantized + chosen, residual - chosen.detach()
            codes.append(code)
        return torch.stack(codes, dim=1), quantized, pulls

    def residual(self, x: Tensor, level: int) -> Tensor:
        """Return (n, latent) what the levels above `level` (from 0) leave of the latents of `x` (n, d)."""
        latent = self.encoder(x)
        codes = self.quantize(latent)[0]
        for code, centroids in zip(codes.T[:level], self.centroids, strict=False):
            latent = latent - centroids[code]
        return latent

    def loss(self, x: Tensor, commitment: float) -> tuple[Tensor, Tensor]:
        """Return the mean loss of rows `x` (n, d) and their codes (n, levels)."""
        latent = self.encoder(x)
        codes, quantized, pulls = self.quantize(latent)
        # straight through: the encoder gets the gradient of `quantized`, the centroids theirs from `pulls`
        decoded = self.decoder(latent + (quantized - latent).detach())
        weights = torch.tensor([1.0, commitment])
        return ((decoded - x).square().sum(dim=1) + pulls @ weights).mean(), codes

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return (n, d) what the codes of `x` (n, d) decode to."""
        with torch.no_grad():
            return self.decoder(self.quantize(self.encoder(x))[1])

    def frozen(self) -> RqvaeCodebook:
        """Return a copy as arrays."""
        levels = tuple(_array(c) for c in self.centroids)
        return RqvaeCodebook(self.encoder.frozen(), levels, self.decoder.frozen())


@dataclass(frozen=True)
class RqvaeQuantizer:
    """Trains an RQ-VAE.

    Args:
        sizes: Codes per level.
        params: Hyper-parameters.
        progress: Called after each epoch (0 is the start) with `loss` of training and `held_out_error`, the
            latter relative to the variance.
    """

    sizes: tuple[int, ...]
    params: RqvaeParams = field(default_factory=RqvaeParams)
    progress: Progress | None = None

    def fit(self, x: Floats, rng: np.random.Generator, warm_start: Codebook | None = None) -> RqvaeCodebook:
        """Return the codebook that reconstructs held-out rows of `x` (n, d) best.

        Same rows, order, seed, machine and `threads`: same bytes. Global torch settings are put back.

        Raises:
            ValueError: See `base.Quantizer.fit`.
        """
        x = finite_vectors(x)
        check_enough(x, self.sizes)
        order = rng.permutation(len(x))
        cut = max(1, round(self.params.held_out * len(x)))
        held_out, training = x[np.sort(order[:cut])], x[np.sort(order[cut:])]
        if warm_start is None:
            start = initial_codebook(training, self.sizes, self.params, rng)
        else:
            start = self._checked(warm_start, x.shape[1])
        with _repeatable(self.params.threads):
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
    """One training: the module, its optimizer and the data."""

    def __init__(
        self, start: RqvaeCodebook, training: Floats, held_out: Floats, params: RqvaeParams, rng: np.random.Generator
    ) -> None:
        self.best, self.params, self.rng = start, params, rng
        self.x, self.held_out = torch.from_numpy(training), torch.from_numpy(held_out)
        self.variance = float(training.var(axis=0, dtype=np.float64).sum()) or 1.0
        self.module = RqvaeModule(start)
        matrices = [p for n, p in self.module.named_parameters() if "weights" in n]
        others = [p for n, p in self.module.named_parameters() if "weights" not in n]
        groups = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=params.learning_rate, weight_decay=params.weight_decay)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, params.epochs)

    def run(self, progress: Progress | None) -> RqvaeCodebook:
        """Train until the held-out error stops falling; return the best checkpoint, maybe the start."""
        lowest, waited = self.held_out_error(), 0
        if progress:
            progress(0, {"held_out_error": lowest})
        for epoch in range(1, self.params.epochs + 1):
            loss, error = self.epoch(), self.held_out_error()
            if progress:
                progress(epoch, {"loss": loss, "held_out_error": error})
            waited = 0 if error < lowest else waited + 1
            if error < lowest:
                lowest, self.best = error, self.module.frozen()
            if waited == self.params.patience:
                break
        return self.best

    def epoch(self) -> float:
        """Take one pass over the training rows, revive unused codes, and return the mean loss."""
        losses, used = [], [torch.zeros(len(c)) for c in self.module.centroids]
        order = torch.from_numpy(self.rng.permutation(len(self.x)))
        for rows in order.split(self.params.batch_rows):
            loss, codes = self.module.loss(self.x[rows], self.params.commitment)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(float(loss.detach()))
            used = [n + torch.bincount(code, minlength=len(n)) for n, code in zip(used, codes.T, strict=True)]
        self.schedule.step()
        self.revive(used)
        return float(np.mean(losses))

    def revive(self, used: list[Tensor]) -> None:
        """Move each code that no row chose onto what a random row has left at that level."""
        for level, count in enumerate(used):
            dead = torch.nonzero(count == 0).flatten()
            with torch.no_grad():
                rows = torch.from_numpy(self.rng.integers(len(self.x), size=len(dead)))
                self.module.centroids[level][dead] = self.module.residual(self.x[rows], level)

    def held_out_error(self) -> float:
        """Return the squared error of the held-out rows, relative to the variance of the training rows."""
        error = (self.module.reconstruct(self.held_out) - self.held_out).square().sum(dim=1).mean()
        return float(error) / self.variance


@contextmanager
def _repeatable(threads: int) -> Iterator[None]:
    """Run with deterministic algorithms and a fixed number of threads; put both settings back after."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])


def _array(parameter: Tensor) -> Floats:
    """Return a copy of a parameter."""
    array: Floats = parameter.detach().numpy().copy()
    return array
