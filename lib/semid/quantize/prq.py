"""Projection residual k-means: directions, not positions, and each level looks across what the levels above fixed.

PRQ-KMeans, arXiv 2608.24207. With unit(v) = v / |v| and points p of length 1:

    r_1 = unit(u - (u.m) m)        u = unit(x), m = unit(mean of all u)
    code_l = the p of level l with the largest r_l.p, the nearest one
    r_l+1 = unit(r_l - (r_l.p) p)

The lengths that `unit` drops are lost to the codes, so nothing can be added up. But with a = r_l.p,
r_l = a p + sqrt(1 - a^2) r_l+1, and r_l+1 is orthogonal to p. `decode` undoes this from the last level to the first
with the mean of a over the rows of a code, which the codebook keeps as the length of that code's centroid c = E[a] p:

    r^_l = c_l + sqrt(1 - |c_l|^2) (r^_l+1 less its part along c_l),    r^ below the last level = 0
    x^   = E[|x|] (mu + sqrt(1 - |mu|^2) (r^_1 less its part along mu))

mu is the mean of all u, and its length their mean cosine to it: the rule of the levels again. Were p the direction of
the plain mean of its rows, c would be that mean, the best guess of them. Errors are in embedding space, like those of
every other kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

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
from semid.quantize.exact import exact_row_products
from semid.quantize.spherical import NOTHING, SphericalParams, directions, spherical_kmeans, unit


@dataclass(frozen=True, eq=False)
class PrqCodebook:
    """Centroids of each level, (size, d).

    Args:
        scale: Mean length of the training vectors, (1,).
        mean: mu, (d,): the mean of the training vectors, each brought to length 1.
        centroids: Per level (size, d); the direction is compared, the length is the mean cosine of a code's rows.
    """

    kind: ClassVar[str] = "prq"
    scale: Floats
    mean: Floats
    centroids: tuple[Floats, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes at each level."""
        return tuple(len(level) for level in self.centroids)

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return len(self.mean)

    def encode(self, x: Floats) -> Codes:
        """Return codes (n, levels) of `x` (n, d); see `base.Codebook`."""
        return greedy(self, x)

    def comparisons(self, x: Floats, codes: Codes) -> Iterator[tuple[Floats, Floats]]:
        """Yield the projected residuals r (n, d), of length 1, and the points p (size, d); see `base.Codebook`.

        Squared distances are 2 - 2 r.p, so that the nearest point has the largest cosine.
        """
        residual = first_residual(x, self.mean)
        for level, centroids in enumerate(self.centroids):
            points = directions(centroids)
            yield residual, points
            residual = unit(across(residual, points[codes[:, level]]), NOTHING)

    def decode(self, codes: Codes) -> Floats:
        """Return reconstructions (n, d) of `codes` (n, levels) by the formula above; see `base.Codebook`."""
        check_codes(codes, self.sizes)
        rebuilt = np.zeros((len(codes), self.dim), np.float32)
        for level in reversed(range(len(self.sizes))):
            rebuilt = undone(rebuilt, self.centroids[level][codes[:, level]])
        return self.scale * undone(rebuilt, np.broadcast_to(self.mean, rebuilt.shape))

    def arrays(self) -> dict[str, Floats]:
        """Return `scale`, `mean` and `centroids_1` to `centroids_L`."""
        levels = {f"centroids_{level}": c for level, c in enumerate(self.centroids, start=1)}
        return {"scale": self.scale, "mean": self.mean} | levels

    def metadata(self) -> dict[str, str]:
        """Return kind, sizes and dim as JSON texts."""
        return {"kind": self.kind, "sizes": json.dumps(self.sizes), "dim": json.dumps(self.dim)}

    @classmethod
    def shapes(cls, metadata: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
        """Return the shape of every array."""
        sizes, dim = json.loads(metadata["sizes"]), int(metadata["dim"])
        levels: dict[str, tuple[int, ...]] = {f"centroids_{level}": (n, dim) for level, n in enumerate(sizes, start=1)}
        return {"scale": (1,), "mean": (dim,)} | levels

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats], metadata: Mapping[str, str]) -> Self:
        """Return the codebook that `arrays()` and `metadata()` came from."""
        levels = range(1, len(json.loads(metadata["sizes"])) + 1)
        return cls(arrays["scale"], arrays["mean"], tuple(arrays[f"centroids_{level}"] for level in levels))


@dataclass(frozen=True)
class PrqQuantizer:
    """Fits spherical k-means to projected residuals, level by level.

    Args:
        sizes: Codes per level.
        params: How each level is fitted.
        progress: Called after each level with its number and the mean `cosine` between residuals and their points.
    """

    sizes: tuple[int, ...]
    params: SphericalParams = field(default_factory=SphericalParams)
    progress: Progress | None = None

    def fit(
        self,
        x: Floats,
        rng: np.random.Generator,  # noqa: ARG002  part of the protocol
        warm_start: Codebook | None = None,
    ) -> PrqCodebook:
        """Return centroids fitted to `x` (n, d); `warm_start` gives each level its first centroids.

        Nothing is drawn from `rng`: every seed gives the same codebook.

        Raises:
            ValueError: See `base.Quantizer.fit`.
        """
        x = finite_vectors(x)
        check_enough(x, self.sizes)
        if warm_start is not None:
            check_warm_start(warm_start, PrqCodebook.kind, self.sizes, x.shape[1])
        params = self.params if warm_start is None else self.params.warm()
        mean = unit(x).mean(axis=0, dtype=np.float64).astype(np.float32)
        residual = first_residual(x, mean)
        levels: list[Floats] = []
        for level, size in enumerate(self.sizes):
            first = None if warm_start is None else warm_start.centroids[level]
            levels.append(spherical_kmeans(residual, size, params, init=first))
            points = directions(levels[-1])
            chosen = points[nearest(residual, points)]
            if self.progress:
                self.progress(level + 1, {"cosine": float(exact_row_products(residual, chosen).mean())})
            residual = unit(across(residual, chosen), NOTHING)
        lengths = np.sqrt(np.square(x, dtype=np.float64).sum(axis=1))
        return PrqCodebook(np.array([lengths.mean()], np.float32), mean, tuple(levels))


def across(x: Floats, points: Floats) -> NDArray[np.float64]:
    """Return (n, d) each row of `x` less its part along the same row of `points`, which have length 1 (or 0)."""
    rest: NDArray[np.float64] = x - exact_row_products(x, points)[:, None] * points
    return rest


def first_residual(x: Floats, mean: Floats) -> Floats:
    """Return r_1 (n, d) of rows `x` (n, d): their directions across that of `mean` (d,)."""
    u = unit(x)
    return unit(across(u, np.broadcast_to(unit(mean[None]), u.shape)), NOTHING)


def undone(rebuilt: Floats, centroids: Floats) -> Floats:
    """Return the rebuilt residuals (n, d) one level higher, by `centroids` (n, d) of the rows' codes there."""
    across_them = across(rebuilt, unit(centroids))
    rest = np.sqrt(np.maximum(1 - exact_row_products(centroids, centroids), 0))[:, None]
    return (centroids + rest * across_them).astype(np.float32)
