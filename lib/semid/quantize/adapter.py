"""From a new embedding model's space into an old one's, so that a frozen codebook can be tried on new vectors.

Drift-Adapter, arXiv 2509.23471: a linear map fitted on items that both models have embedded. Orthogonal Procrustes:
Schoenemann, Psychometrika 31, 1966. Ridge regression: Hoerl and Kennard, Technometrics 12, 1970.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semid.quantize.base import Floats, finite_vectors
from semid.quantize.exact import exact_matmul

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Adapter:
    """y = (x - mean_new) matrix + mean_old, made as long as old vectors are where those are all of length 1.

    Args:
        name: `procrustes` or `ridge`.
        matrix: (d_new, d_old).
        mean_new: (d_new,).
        mean_old: (d_old,).
        unit: Whether results are brought to length 1.
    """

    name: str
    matrix: Floats
    mean_new: Floats
    mean_old: Floats
    unit: bool

    def __call__(self, x: Floats) -> Floats:
        """Return (n, d_old) for new vectors `x` (n, d_new); each row depends on that row alone."""
        x = finite_vectors(x, len(self.matrix))
        y = exact_matmul(x - self.mean_new, self.matrix) + self.mean_old
        if self.unit:
            y /= np.maximum(np.sqrt(np.einsum("ij,ij->i", y, y))[:, None], 1e-30)
        return y.astype(np.float32)


def procrustes(new: Floats, old: Floats) -> Adapter:
    """Return the rotation that brings centred `new` vectors (n, d_new) nearest to centred `old` ones (n, d_old).

    With M = new' old = U S V', the matrix is U V', whose rows or columns (the fewer) are orthonormal: between equal
    widths no distance changes, into a narrower space the rest is dropped, into a wider one zeros are added.

    Raises:
        ValueError: When there are not equally many finite rows, or none.
    """
    left, right, means = _centred(new, old)
    u, _, v = np.linalg.svd(left.T @ right, full_matrices=False)
    return Adapter("procrustes", (u @ v).astype(np.float32), *means, _all_unit(old))


def ridge(new: Floats, old: Floats, penalty: float = 0.01) -> Adapter:
    """Return the least-squares map from `new` vectors (n, d_new) to `old` ones (n, d_old), shrunk.

    (X'X + penalty trace(X'X) / d I) B = X'Y on centred vectors; directions whose variance lies well below
    `penalty` times the mean one count for little.

    Raises:
        ValueError: When there are not equally many finite rows, or none, or the penalty is not positive.
    """
    if not penalty > 0:
        raise ValueError(f"the penalty is positive, got {penalty}")
    left, right, means = _centred(new, old)
    gram = left.T @ left
    shrunk = gram + max(penalty * np.trace(gram) / len(gram), 1e-30) * np.eye(len(gram))
    return Adapter("ridge", np.linalg.solve(shrunk, left.T @ right).astype(np.float32), *means, _all_unit(old))


def mean_cosine(a: Floats, b: Floats) -> float:
    """Return the mean cosine between rows of `a` (n, d) and the same rows of `b`; a zero row counts as 0."""
    products = np.einsum("ij,ij->i", a, b, dtype=np.float64)
    lengths = np.linalg.norm(a.astype(np.float64), axis=1) * np.linalg.norm(b.astype(np.float64), axis=1)
    return float((products / np.maximum(lengths, 1e-30)).mean())


def _centred(new: Floats, old: Floats) -> tuple[Doubles, Doubles, tuple[Floats, Floats]]:
    """Return both sides less their means, and the means."""
    new, old = finite_vectors(new), finite_vectors(old)
    if len(new) != len(old) or not len(new):
        raise ValueError(f"{len(new)} new and {len(old)} old vectors are not pairs")
    means = new.mean(axis=0, dtype=np.float64), old.mean(axis=0, dtype=np.float64)
    rounded = (means[0].astype(np.float32), means[1].astype(np.float32))
    return new - means[0], old - means[1], rounded


def _all_unit(x: Floats) -> bool:
    """Return whether all rows have length 1, as far as float16 could tell."""
    return bool(np.allclose(np.linalg.norm(x, axis=1), 1, atol=1e-3))
