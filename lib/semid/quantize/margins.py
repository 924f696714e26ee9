"""How clear a choice of codes was: at each level, the distance to the chosen centroid and to the next best one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semid.quantize.base import Codebook, Codes, Floats, check_codes, finite_vectors


@dataclass(frozen=True, eq=False)
class Margins:
    """Euclidean distances between what a level compares; every array is (n, levels).

    That is the residual of the embedding (`rkmeans`, `vq`) or of its latent vector (`rqvae`), the level's part of
    the embedding (`pq`) or of the rotated one (`opq`), and the projected residual, of length 1 (`prq`).

    Attributes:
        distance: From what the level sees of the row to the point of its code.
        runner_up: The nearest other code; -1 where the level has no other.
        runner_up_distance: The distance to it; infinite where there is none.
    """

    distance: NDArray[np.float64]
    runner_up: Codes
    runner_up_distance: NDArray[np.float64]

    @property
    def relative(self) -> NDArray[np.float64]:
        """1 - distance / runner_up_distance: 1 is clear, 0 a tie, below 0 another code is nearer."""
        ratio = np.ones_like(self.distance)  # both distances 0: two equal centroids, a tie
        np.divide(self.distance, self.runner_up_distance, out=ratio, where=self.runner_up_distance > 0)
        return 1 - ratio


def margins(codebook: Codebook, x: Floats, codes: Codes) -> Margins:
    """Return how far the codes of each row are from their centroids, and how far the next best ones.

    What a level sees follows `codes`, also where they are not the nearest (codes that hysteresis kept).

    Args:
        codebook: Of any kind.
        x: Vectors (n, d); a few, not a catalog.
        codes: Codes (n, levels) of the rows.

    Raises:
        ValueError: When a row is not finite or not d wide, or a code is outside its level.
    """
    check_codes(codes, codebook.sizes)
    shape = codes.shape
    found = Margins(np.empty(shape), np.full(shape, -1, np.int32), np.full(shape, np.inf))
    rows = np.arange(len(codes))
    for level, (seen, points) in enumerate(codebook.comparisons(finite_vectors(x, codebook.dim), codes)):
        distances = _distances(seen, points)
        found.distance[:, level] = distances[rows, codes[:, level]]
        distances[rows, codes[:, level]] = np.inf
        if len(points) > 1:
            found.runner_up[:, level] = distances.argmin(axis=1)
            found.runner_up_distance[:, level] = distances.min(axis=1)
    return found


def _distances(x: Floats, points: Floats) -> NDArray[np.float64]:
    """Return Euclidean distances (n, size), in float64, row by row."""
    rows = [np.linalg.norm(np.subtract(row, points, dtype=np.float64), axis=1) for row in x]
    return np.array(rows).reshape(len(x), len(points))
