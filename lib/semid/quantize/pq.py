"""Product quantization: the vector is cut into one part per level, and each part has its own k-means.

Jegou, Douze, Schmid, "Product quantization for nearest neighbor search", IEEE TPAMI 33, 2011. Parts are equals: there
is no coarse-to-fine order, and a prefix says what the first parts are like, not what the item is like.
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
    quantization_error,
)
from semid.quantize.distance import greedy, nearest
from semid.quantize.kmeans import KmeansParams, kmeans


def widths(dim: int, levels: int) -> list[int]:
    """Return the width of each part of a vector `dim` wide: equal, or the first ones wider by one.

    Sizes may differ by level, so that nothing asks for equal widths; 1,000 dimensions make 334 + 333 + 333.

    Raises:
        ValueError: When there are more parts than dimensions.
    """
    if levels > dim:
        raise ValueError(f"{levels} levels need vectors at least {levels} wide, these are {dim}: give fewer sizes")
    return [dim // levels + (part < dim % levels) for part in range(levels)]


def parts(x: Floats, levels: int) -> list[Floats]:
    """Return the columns of `x` (n, d) that each level has, (n, width) each; see `widths`."""
    cuts = np.cumsum(widths(x.shape[1], levels))[:-1]
    return [np.ascontiguousarray(part) for part in np.split(x, cuts, axis=1)]


def decode_parts(codes: Codes, levels: tuple[Floats, ...]) -> Floats:
    """Return (n, d) the centroids that `codes` (n, len(levels)) name, side by side."""
    return np.concatenate([centroids[code] for centroids, code in zip(levels, codes.T, strict=True)], axis=1)


@dataclass(frozen=True, eq=False)
class PqCodebook:
    """Centroids of each level, (size, width of its part)."""

    kind: ClassVar[str] = "pq"
    centroids: tuple[Floats, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes at each level."""
        return tuple(len(level) for level in self.centroids)

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return sum(level.shape[1] for level in self.centroids)

    def encode(self, x: Floats) -> Codes:
        """Return codes (n, levels) of `x` (n, d); see `base.Codebook`."""
        return greedy(self, x)

    def comparisons(self, x: Floats, codes: Codes) -> Iterator[tuple[Floats, Floats]]:  # noqa: ARG002  protocol
        """Yield the part (n, width) of each level and its centroids, whatever the codes; see `base.Codebook`."""
        yield from zip(parts(x, len(self.centroids)), self.centroids, strict=True)

    def decode(self, codes: Codes) -> Floats:
        """Return reconstructions (n, d) of `codes` (n, levels); see `base.Codebook`."""
        check_codes(codes, self.sizes)
        return decode_parts(codes, self.centroids)

    def arrays(self) -> dict[str, Floats]:
        """Return `centroids_1` to `centroids_L`."""
        return {f"centroids_{level}": c for level, c in enumerate(self.centroids, start=1)}

    def metadata(self) -> dict[str, str]:
        """Return kind, sizes and dim as JSON texts."""
        return {"kind": self.kind, "sizes": json.dumps(self.sizes), "dim": json.dumps(self.dim)}

    @classmethod
    def shapes(cls, metadata: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
        """Return the shape of every array."""
        sizes = json.loads(metadata["sizes"])
        shapes = zip(sizes, widths(int(metadata["dim"]), len(sizes)), strict=True)
        return {f"centroids_{level}": shape for level, shape in enumerate(shapes, start=1)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats], metadata: Mapping[str, str]) -> Self:
        """Return the codebook that `arrays()` and `metadata()` came from."""
        return cls(tuple(arrays[name] for name in cls.shapes(metadata)))


@dataclass(frozen=True)
class PqQuantizer:
    """Fits one k-means per part.

    Args:
        sizes: Codes per level.
        params: How each level is fitted.
        progress: Called after each level with its number and the `error` of its part, relative to the whole variance.
    """

    sizes: tuple[int, ...]
    params: KmeansParams = field(default_factory=KmeansParams)
    progress: Progress | None = None

    def fit(
        self,
        x: Floats,
        rng: np.random.Generator,  # noqa: ARG002  part of the protocol
        warm_start: Codebook | None = None,
    ) -> PqCodebook:
        """Return centroids fitted to `x` (n, d); `warm_start` gives each level its first centroids.

        Nothing is drawn from `rng`: every seed gives the same codebook.

        Raises:
            ValueError: See `base.Quantizer.fit`; also when there are more levels than dimensions.
        """
        x = finite_vectors(x)
        check_enough(x, self.sizes)
        if warm_start is not None:
            check_warm_start(warm_start, PqCodebook.kind, self.sizes, x.shape[1])
        params = self.params if warm_start is None else self.params.warm()
        variance = float(x.var(axis=0, dtype=np.float64).sum()) or 1.0
        levels: list[Floats] = []
        for level, (part, size) in enumerate(zip(parts(x, len(self.sizes)), self.sizes, strict=True)):
            first = None if warm_start is None else warm_start.centroids[level]
            levels.append(kmeans(part, size, params, init=first))
            if self.progress:
                left = quantization_error(part, levels[-1][nearest(part, levels[-1])])
                self.progress(level + 1, {"error": float(left.mean()) / variance})
        return PqCodebook(tuple(levels))
