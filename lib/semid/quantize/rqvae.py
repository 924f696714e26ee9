"""RQ-VAE codebook: an encoder, residual codes in its latent space, and a decoder. Training is in `rqvae_train`.

Lee et al., "Autoregressive image generation using residual quantization", arXiv 2203.01941; for items: TIGER,
arXiv 2305.05065. Encoder and decoder are a linear map plus an MLP as in MiniOneRec's RQ-KMeans+, so that training
starts from residual k-means.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Self

import numpy as np

from semid.quantize.base import Codes, Floats, check_codes
from semid.quantize.distance import greedy
from semid.quantize.exact import exact_matmul
from semid.quantize.rkmeans import decode_residual, residuals

BLOCK_ROWS = 8192
"""Rows in a network at once: 50 MiB of float64 where it is 384 wide."""


@dataclass(frozen=True, eq=False)
class SkipMlp:
    """y = x S + MLP(x), with ReLU between the layers.

    ReLU and `exact_matmul` make each output a function of its row alone. A float32 product (and a
    float64 one) changed last bits of every row between batches of 1 and of 4,096; this one changes none and is as
    accurate, for 3.6 times the time: 8 ms for 1,000 rows of 384 into 256.

    Args:
        skip: S, (in, out).
        weights: One (in, out) matrix per layer.
        biases: One (out,) vector per layer.
    """

    skip: Floats
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]

    def __call__(self, x: Floats) -> Floats:
        """Return (n, out) for `x` (n, in)."""
        y = np.empty((len(x), self.skip.shape[1]), np.float32)
        for start in range(0, len(x), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            y[block] = self._forward(x[block])
        return y

    def _forward(self, x: Floats) -> Floats:
        hidden = x.astype(np.float64)
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = np.maximum(exact_matmul(hidden, weight) + bias, 0)
        y = exact_matmul(x, self.skip) + exact_matmul(hidden, self.weights[-1]) + self.biases[-1]
        return y.astype(np.float32)

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of input, hidden layers and output."""
        return (len(self.skip), *(len(bias) for bias in self.biases))

    def arrays(self, prefix: str) -> dict[str, Floats]:
        """Return the named arrays, all starting with `prefix`."""
        layers = enumerate(zip(self.weights, self.biases, strict=True), start=1)
        named = {f"{prefix}_skip": self.skip}
        for i, (weight, bias) in layers:
            named |= {f"{prefix}_weight_{i}": weight, f"{prefix}_bias_{i}": bias}
        return named

    @classmethod
    def shapes(cls, prefix: str, widths: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Return the shapes of what `arrays(prefix)` returns for a network of these widths."""
        shapes: dict[str, tuple[int, ...]] = {f"{prefix}_skip": (widths[0], widths[-1])}
        for i, (before, after) in enumerate(pairwise(widths), start=1):
            shapes |= {f"{prefix}_weight_{i}": (before, after), f"{prefix}_bias_{i}": (after,)}
        return shapes

    @classmethod
    def from_arrays(cls, prefix: str, arrays: Mapping[str, Floats], layers: int) -> Self:
        """Return the network that `arrays(prefix)` came from."""
        numbers = range(1, layers + 1)
        weights = tuple(arrays[f"{prefix}_weight_{i}"] for i in numbers)
        return cls(arrays[f"{prefix}_skip"], weights, tuple(arrays[f"{prefix}_bias_{i}"] for i in numbers))


@dataclass(frozen=True, eq=False)
class RqvaeCodebook:
    """A trained RQ-VAE; needs numpy only.

    Args:
        encoder: From embedding space (d) to the latent space.
        centroids: One (size, latent) array per level.
        decoder: From the latent space to embedding space.
    """

    kind: ClassVar[str] = "rqvae"
    encoder: SkipMlp
    centroids: tuple[Floats, ...]
    decoder: SkipMlp

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes at each level."""
        return tuple(len(level) for level in self.centroids)

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self.encoder.widths[0]

    def encode(self, x: Floats) -> Codes:
        """Return codes (n, levels) of `x` (n, d); see `base.Codebook`."""
        return greedy(self, x)

    def comparisons(self, x: Floats, codes: Codes) -> Iterator[tuple[Floats, Floats]]:
        """Yield residuals (n, latent) of the encoded rows and centroids (size, latent); see `base.Codebook`."""
        return residuals(self.encoder(x), codes, self.centroids)

    def decode(self, codes: Codes) -> Floats:
        """Return reconstructions (n, d) of `codes` (n, levels); see `base.Codebook`."""
        check_codes(codes, self.sizes)
        return self.decoder(decode_residual(codes, self.centroids))

    def arrays(self) -> dict[str, Floats]:
        """Return `encoder_*`, `decoder_*` and `centroids_1` to `centroids_L`."""
        levels = {f"centroids_{level}": c for level, c in enumerate(self.centroids, start=1)}
        return levels | self.encoder.arrays("encoder") | self.decoder.arrays("decoder")

    def metadata(self) -> dict[str, str]:
        """Return kind, sizes, dim and the widths of both networks as JSON texts."""
        networks = {"encoder": json.dumps(self.encoder.widths), "decoder": json.dumps(self.decoder.widths)}
        return {"kind": self.kind, "sizes": json.dumps(self.sizes), "dim": json.dumps(self.dim), **networks}

    @classmethod
    def shapes(cls, metadata: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
        """Return the shape of every array."""
        encoder, decoder = json.loads(metadata["encoder"]), json.loads(metadata["decoder"])
        levels = enumerate(json.loads(metadata["sizes"]), start=1)
        shapes: dict[str, tuple[int, ...]] = {f"centroids_{level}": (size, encoder[-1]) for level, size in levels}
        return shapes | SkipMlp.shapes("encoder", encoder) | SkipMlp.shapes("decoder", decoder)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats], metadata: Mapping[str, str]) -> Self:
        """Return the codebook that `arrays()` and `metadata()` came from."""
        encoder, decoder = (
            SkipMlp.from_arrays(name, arrays, layers=len(json.loads(metadata[name])) - 1)
            for name in ("encoder", "decoder")
        )
        levels = range(1, len(json.loads(metadata["sizes"])) + 1)
        return cls(encoder, tuple(arrays[f"centroids_{level}"] for level in levels), decoder)
