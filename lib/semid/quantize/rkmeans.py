"""Residual k-means: each level clusters what the levels above left over.

Residual vector quantization: Chen, Guan, Wang, "Approximate nearest neighbor search by residual vector
quantization", Sensors 2010. As semantic IDs: OneRec, arXiv 2506.13695.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np

from semid.quantize.base import (
    Codebook,
    Codes,
    Floats,
    Progress,
    check_codes,
    check_enough,
    check_warm_start,
    finite_vectors,
)
from semid.quantize.distance import greedy, nearest
from semid.quantize.kmeans import KmeansParams, kmeans


def residuals(x: Floats, codes: Codes, levels: tuple[Floats, ...]) -> Iterator[tuple[Floats, Floats]]:
    """Yield per level what the centroids above leave of `x` (n, d), and the level's centroids (size, d)."""
    for level, centroids in enumerate(levels):
        if level:
            x = x - levels[level - 1][codes[:, level - 1]]
        yield x, centroids


def decode_residual(codes: Codes, levels: tuple[Floats, ...]) -> Floats:
    """Return (n, d) the sum of the centroids that `codes` (n, len(levels)) name, added coarse to fine."""
    total = levels[0][codes[:, 0]]
    for level, centroids in enumerate(levels[1:], start=1):
        total = total + centroids[codes[:, level]]
    return total


@dataclass(frozen=True, eq=False)
class RkmeansCodebook:
    """Centroids of each level, (size, d), in embedding space."""

    kind: ClassVar[str] = "rkmeans"
    centroids: tuple[Floats, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes at each level."""
        return tuple(len(level) for level in self.centroids)

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return int(self.centroids[0].shape[1])

    def encode(self, x: Floats) -> Codes:
        """Return codes (n, levels) of `x` (n, d); see `base.Codebook`."""
        return greedy(self, x)

    def comparisons(self, x: Floats, codes: Codes) -> Iterator[tuple[Floats, Floats]]:
        """Yield residuals (n, d) and centroids (size, d) per level; see `base.Codebook`."""
        return residuals(x, codes, self.centroids)

    def decode(self, codes: Codes) -> Floats:
        """Return reconstructions (n, d) of `codes` (n, levels); see `base.Codebook`."""
        check_codes(codes, self.sizes)
        return decode_residual(codes, self.centroids)

    def arrays(self) -> dict[str, Floats]:
        """Return `centroids_1` to `centroids_L`."""
        return {f"centroids_{level}": c for level, c in enumerate(self.centroids, start=1)}

    def metadata(self) -> dict[str, str]:
        """Return kind, sizes and dim as JSON texts."""
        return {"kind": self.kind, "sizes": json.dumps(self.sizes), "dim": json.dumps(self.dim)}

    @classmethod
    def shapes(cls, metadata: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
        """Return the shape of every array."""
        sizes, dim = json.loads(metadata["sizes"]), int(metadata["dim"])
        return {f"centroids_{level}": (size, dim) for level, size in enumerate(sizes, start=1)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats], metadata: Mapping[str, str]) -> Self:
        """Return the codebook that `arrays()` and `metadata()` came from."""
        return cls(tuple(arrays[name] for name in cls.shapes(metadata)))


@dataclass(frozen=True)
class RkmeansQuantizer:
    """Fits residual k-means, level by level.

    Args:
        sizes: Codes per level.
        params: How each level is fitted.
        progress: Called after each level with its number and the `error` left, relative to the variance.
    """

    sizes: tuple[int, ...]
    params: KmeansParams = field(default_factory=KmeansParams)
    progress: Progress | None = None

    def fit(
        self,
        x: Floats,
        rng: np.random.Generator,  # noqa: ARG002  part of the protocol
        warm_start: Codebook | None = None,
    ) -> RkmeansCodebook:
        """Return centroids fitted to `x` (n, d); `warm_start` gives each level its first centroids.

        Nothing is drawn from `rng`: every seed gives the same codebook.

        Raises:
            ValueError: See `base.Quantizer.fit`.
        """
        residual = finite_vectors(x).copy()
        check_enough(residual, self.sizes)
        if warm_start is not None:
            check_warm_start(warm_start, RkmeansCodebook.kind, self.sizes, residual.shape[1])
        params = self.params if warm_start is None else self.params.warm()
        variance = float(residual.var(axis=0, dtype=np.float64).sum()) or 1.0
        levels: list[Floats] = []
        for level, size in enumerate(self.sizes):
            first = None if warm_start is None else warm_start.centroids[level]
            levels.append(kmeans(residual, size, params, init=first))
            residual -= levels[-1][nearest(residual, levels[-1])]
            if self.progress:
                left = float(np.square(residual, dtype=np.float64).sum(axis=1).mean())
                self.progress(level + 1, {"error": left / variance})
        return RkmeansCodebook(tuple(levels))
