"""`rqvae.RqvaeCodebook` with gradients (torch), for `rqvae_train` and `rqvae_warm`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from semid.quantize.base import Floats
from semid.quantize.rqvae import RqvaeCodebook, SkipMlp
from semid.quantize.rqvae_assignment import Choice, nearest
from semid.quantize.rqvae_gradient import Estimator, straight_through


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
    """`rqvae.RqvaeCodebook` with gradients.

    Args:
        codebook: What it starts as.
        estimate: How gradients pass the codes, see `rqvae_gradient`.
        choices: How each level chooses the codes to train with, see `rqvae_assignment`; None for the nearest.
    """

    def __init__(
        self,
        codebook: RqvaeCodebook,
        estimate: Estimator = straight_through,
        choices: tuple[Choice, ...] | None = None,
    ) -> None:
        super().__init__()
        self.estimate, self.choices = estimate, choices or (nearest,) * len(codebook.sizes)
        self.encoder = SkipMlpModule(codebook.encoder)
        self.decoder = SkipMlpModule(codebook.decoder)
        self.centroids = nn.ParameterList(torch.from_numpy(c.copy()) for c in codebook.centroids)

    def nearest(self, latent: Tensor) -> Tensor:
        """Return codes (n, levels) of `latent` (n, latent): at each level the nearest centroid of the residual."""
        return self._chosen(latent, (nearest,) * len(self.centroids))

    def assigned(self, latent: Tensor) -> Tensor:
        """Return the codes (n, levels) that `latent` (n, latent) train with."""
        return self._chosen(latent, self.choices)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _chosen(self, latent: Tensor, choices: tuple[Choice, ...]) -> Tensor:
        residual, codes = latent, []
        for centroids, choose in zip(self.centroids, choices, strict=True):
            codes.append(choose(centroids.square().sum(dim=1) / 2 - residual @ centroids.T))
            residual = residual - centroids[codes[-1]]
        return torch.stack(codes, dim=1)

    def quantize(self, latent: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum (n, latent) of the centroids that `codes` (n, levels) name, and the residuals' squares.

        The last is (n, 2), summed over levels: pull of centroids to residuals, and of residuals to centroids
        (commitment).
        """
        residual = latent
        quantized, pulls = torch.zeros_like(latent), torch.zeros(len(latent), 2)
        for code, centroids in zip(codes.T, self.centroids, strict=True):
            chosen = functional.embedding(code, centroids)
            pulls = pulls + torch.stack(
                [(residual.detach() - chosen).square().sum(dim=1), (residual - chosen.detach()).square().sum(dim=1)],
                dim=1,
            )
            quantized, residual = quantized + chosen, residual - chosen.detach()
        return quantized, pulls

    def residual(self, x: Tensor, level: int) -> Tensor:
        """Return (n, latent) what the levels above `level` (from 0) leave of the latents of `x` (n, d)."""
        latent = self.encoder(x)
        codes = self.nearest(latent)
        for code, centroids in zip(codes.T[:level], self.centroids, strict=False):
            latent = latent - centroids[code]
        return latent

    def losses(self, x: Tensor, latent: Tensor, codes: Tensor, commitment: float) -> Tensor:
        """Return the loss (n,) of rows `x` (n, d) with latents (n, latent) when they have `codes` (n, levels)."""
        quantized, pulls = self.quantize(latent, codes)
        # the encoder gets the gradient of `quantized`, the centroids theirs from `pulls`
        decoded = self.decoder(self.estimate(latent, quantized))
        return (decoded - x).square().sum(dim=1) + pulls @ torch.tensor([1.0, commitment])

    def quantized(self, x: Tensor) -> Tensor:
        """Return (n, latent) what the codes of `x` (n, d) stand for, with a gradient to the encoder."""
        latent = self.encoder(x)
        return self.estimate(latent, self.quantize(latent, self.nearest(latent))[0])

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return (n, d) what the codes of `x` (n, d) decode to."""
        with torch.no_grad():
            latent = self.encoder(x)
            return self.decoder(self.quantize(latent, self.nearest(latent))[0])

    def frozen(self) -> RqvaeCodebook:
        """Return a copy as arrays."""
        levels = tuple(_array(c) for c in self.centroids)
        return RqvaeCodebook(self.encoder.frozen(), levels, self.decoder.frozen())


@contextmanager
def repeatable(threads: int) -> Iterator[None]:
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
