"""Flat vector quantization: one level, so that an ID is the number of one cluster.

Gray, "Vector quantization", IEEE ASSP Magazine 1, 1984. Fitted by k-means.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from semid.quantize.base import (
    Codebook,
    Floats,
    Progress,
    check_enough,
    check_warm_start,
    finite_vectors,
    quantization_error,
)
from semid.quantize.distance import nearest
from semid.quantize.kmeans import KmeansParams, kmeans
from semid.quantize.rkmeans import RkmeansCodebook


@dataclass(frozen=True, eq=False)
class VqCodebook(RkmeansCodebook):
    """The centroids (size, d) of the one level: a residual codebook that stops at the first."""

    kind: ClassVar[str] = "vq"

    def __post_init__(self) -> None:
        _check_flat(self.sizes)


@dataclass(frozen=True)
class VqQuantizer:
    """Fits one k-means.

    Args:
        sizes: The number of codes, alone.
        params: How it is fitted.
        progress: Called once with the `error` left, relative to the variance.

    Raises:
        ValueError: When there is more than one size.
    """

    sizes: tuple[int, ...]
    params: KmeansParams = field(default_factory=KmeansParams)
    progress: Progress | None = None

    def __post_init__(self) -> None:
        _check_flat(self.sizes)

    def fit(
        self,
        x: Floats,
        rng: np.random.Generator,  # noqa: ARG002  part of the protocol
        warm_start: Codebook | None = None,
    ) -> VqCodebook:
        """Return centroids fitted to `x` (n, d), from those of `warm_start` where it is given.

        Nothing is drawn from `rng`: every seed gives the same codebook.

        Raises:
            ValueError: See `base.Quantizer.fit`.
        """
        x = finite_vectors(x)
        check_enough(x, self.sizes)
        first, params = None, self.params
        if warm_start is not None:
            check_warm_start(warm_start, VqCodebook.kind, self.sizes, x.shape[1])
            first, params = warm_start.centroids[0], self.params.warm()
        centroids = kmeans(x, self.sizes[0], params, init=first)
        if self.progress:
            left = float(quantization_error(x, centroids[nearest(x, centroids)]).mean())
            self.progress(1, {"error": left / (float(x.var(axis=0, dtype=np.float64).sum()) or 1.0)})
        return VqCodebook((centroids,))


def _check_flat(sizes: tuple[int, ...]) -> None:
    if len(sizes) != 1:
        raise ValueError(f"vq has one level, got sizes {sizes}: set codebook.sizes to one number, such as [1024]")
