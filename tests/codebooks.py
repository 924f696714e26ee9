"""Codebooks of random numbers, to test what every codebook does, and vectors to train on."""

from __future__ import annotations

import numpy as np

from semid.quantize.base import Codebook
from semid.quantize.codebook import CODEBOOKS
from semid.quantize.opq import OpqCodebook
from semid.quantize.pq import PqCodebook, widths
from semid.quantize.prq import PrqCodebook
from semid.quantize.rkmeans import RkmeansCodebook
from semid.quantize.rqvae import RqvaeCodebook, SkipMlp
from semid.quantize.vq import VqCodebook

KINDS = list(CODEBOOKS)


def random_codebook(kind: str, seed: int, sizes: tuple[int, ...] = (5, 3), dim: int = 6) -> Codebook:
    """Return a codebook of random numbers; one of kind `vq` has the first size only."""
    rng = np.random.default_rng(seed)

    def array(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    if kind == "rkmeans":
        return RkmeansCodebook(tuple(array(size, dim) for size in sizes))
    if kind == "vq":
        return VqCodebook((array(sizes[0], dim),))
    if kind == "prq":
        inside = [array(size, dim) for size in (1, *sizes)]
        mean, *levels = [rng.uniform(0.2, 0.9) * c / np.linalg.norm(c, axis=1, keepdims=True) for c in inside]
        return PrqCodebook(np.float32([2]), mean[0].astype(np.float32), tuple(c.astype(np.float32) for c in levels))
    if kind in ("pq", "opq"):
        shapes = zip(sizes, widths(dim, len(sizes)), strict=True)
        product = PqCodebook(tuple(array(*shape) for shape in shapes))
        return product if kind == "pq" else OpqCodebook(np.linalg.qr(array(dim, dim))[0], product)
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
