"""Codebooks of random numbers, to test what every codebook does, and vectors to train on."""

from __future__ import annotations

import numpy as np

from semid.quantize.base import Codebook
from semid.quantize.rkmeans import RkmeansCodebook
from semid.quantize.rqvae import RqvaeCodebook, SkipMlp

KINDS = ["rkmeans", "rqvae"]


def random_codebook(kind: str, seed: int, sizes: tuple[int, ...] = (5, 3), dim: int = 6) -> Codebook:
    rng = np.random.default_rng(seed)

    def array(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    if kind == "rkmeans":
        return RkmeansCodebook(tuple(array(size, dim) for size in sizes))
    encoder = SkipMlp(array(dim, 4), (array(dim, 7), array(7, 4)), (array(7), array(4)))
    decoder = SkipMlp(array(4, dim), (array(4, 7), array(7, dim)), (array(7), array(dim)))
    return RqvaeCodebook(encoder, tuple(array(size, 4) for size in sizes), decoder)


def bent_sheet(n: int, d: int = 16, seed: int = 0) -> np.ndarray:
    """Return (n, d) vectors on a bent sheet, which centroid sums alone describe badly."""
    rng = np.random.default_rng(seed)
    u = rng.uniform(-2, 2, size=(n, 2))
    bent = np.c_[u, u[:, :1] * u[:, 1:], np.sin(2 * u), u**2]
    mix = np.random.default_rng(1).standard_normal((bent.shape[1], d))
    return (bent @ mix / 3).astype(np.float32)
