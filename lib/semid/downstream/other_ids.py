"""IDs that mean nothing, or little: what semantic IDs must beat in the same generator (TIGER, arXiv 2305.05065)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from semid.quantize.base import Codes, Floats


def random_ids(items: int, sizes: Sequence[int], rng: np.random.Generator) -> Codes:
    """Return codes (items, levels), each drawn evenly from its level."""
    return np.stack([rng.integers(size, size=items) for size in sizes], axis=1).astype(np.int32)


def lsh_ids(x: Floats, sizes: Sequence[int], rng: np.random.Generator) -> Codes:
    """Return codes (items, levels) of `x` (items, d): a code of 2^b values is b signs against random hyperplanes.

    Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002. Hyperplanes go through the mean
    of the vectors, for sentence vectors fill a narrow cone; levels are independent of each other, so that a first code
    is no coarser than a last one.

    Raises:
        ValueError: A size is not a power of two.
    """
    bits = [int(size).bit_length() - 1 for size in sizes]
    if odd := [size for size, b in zip(sizes, bits, strict=True) if size != 1 << b]:
        raise ValueError(f"random hyperplanes give powers of two of codes, not {odd}")
    normals = rng.standard_normal((x.shape[1], sum(bits))).astype(np.float32)
    signs = (x - x.mean(axis=0)) @ normals > 0
    ends = np.cumsum(bits)[:-1]
    levels = [part @ (1 << np.arange(part.shape[1])) for part in np.split(signs, ends, axis=1)]
    return np.stack(levels, axis=1).astype(np.int32)
