"""What every quantizer and codebook offers, and the checks they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.int32]
Progress = Callable[[int, Mapping[str, float]], None]
"""Called as `progress(step, metrics)` during a fit; a step is a level or an epoch."""


class Codebook(Protocol):
    """A trained quantizer. A frozen value: kind, named arrays and metadata say everything about it."""

    kind: ClassVar[str]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes at each level, coarse to fine."""

    @property
    def dim(self) -> int:
        """Width d of the vectors that it encodes."""

    @property
    def centroids(self) -> tuple[Floats, ...]:
        """One (size, width) array per level; row c is what code c stands for. Permuting rows renames codes.

        They are `arrays()["centroids_1"]` and so on, and nothing else in `arrays()` belongs to one code.
        """

    def encode(self, x: Floats) -> Codes:
        """Return codes (n, levels) of the rows of `x` (n, d); each row's codes depend on that row alone.

        Raises:
            ValueError: When a row is not finite or is not d wide.
        """

    def comparisons(self, x: Floats, codes: Codes) -> Iterator[tuple[Floats, Floats]]:
        """Yield, coarse to fine, what each level compares: rows (n, width) and points (size, width).

        Point c stands for code c, and the code of a row is its nearest point. What a level sees depends on
        the codes above it alone, and these are read only when the level is asked for: `distance.greedy` writes them
        in between.

        Args:
            x: Finite vectors (n, d).
            codes: Codes (n, levels) that the rows have, the nearest or not.
        """

    def decode(self, codes: Codes) -> Floats:
        """Return the reconstructions (n, d) of `codes` (n, levels).

        Raises:
            ValueError: When a code is outside its level.
        """

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the named arrays."""

    def metadata(self) -> dict[str, str]:
        """Return what `shapes` needs: kind, sizes, dim and the kind's own widths, as JSON texts."""

    @classmethod
    def shapes(cls, metadata: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
        """Return the name and shape of every array that a codebook with this metadata has."""

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float32]], metadata: Mapping[str, str]) -> Self:
        """Return the codebook that `arrays()` and `metadata()` describe; shapes must have been checked."""


class Quantizer(Protocol):
    """A recipe that turns vectors into a codebook."""

    def fit(self, x: Floats, rng: np.random.Generator, warm_start: Codebook | None = None) -> Codebook:
        """Return a codebook fitted to the rows of `x` (n, d).

        Args:
            x: Training vectors. Their order counts: sort them by a key for a result that can be repeated.
            rng: The only source of randomness.
            warm_start: A codebook of the same kind, sizes and dim to start from, which keeps most codes.

        Raises:
            ValueError: When rows are not finite, fewer than the largest level, or `warm_start` does not fit.
        """


def finite_vectors(x: NDArray[np.floating], dim: int | None = None) -> Floats:
    """Return `x` as a C-ordered float32 (n, d) array, or refuse it.

    A NaN makes every comparison false, so that argmin would quietly give the row code 0.

    Raises:
        ValueError: When `x` is not a table of `dim` columns, or holds NaN or infinity (first rows named).
    """
    if x.ndim != 2 or (dim is not None and x.shape[1] != dim):
        raise ValueError(f"vectors have shape {x.shape}, expected (n, {dim or 'd'})")
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite and is refused below
        vectors = np.ascontiguousarray(x, dtype=np.float32)
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if bad.size:
        raise ValueError(f"{bad.size} of {len(x)} vectors are not finite, first rows: {bad[:5].tolist()}")
    return vectors


def check_codes(codes: Codes, sizes: tuple[int, ...]) -> None:
    """Raise ValueError when `codes` is not (n, levels) or a code is outside [0, size) of its level."""
    if codes.ndim != 2 or codes.shape[1] != len(sizes):
        raise ValueError(f"codes have shape {codes.shape}, expected (n, {len(sizes)})")
    bad = np.flatnonzero(((codes < 0) | (codes >= np.array(sizes))).any(axis=1))
    if bad.size:
        raise ValueError(f"{bad.size} rows have codes outside {sizes}, first rows: {bad[:5].tolist()}")


def check_enough(x: Floats, sizes: tuple[int, ...]) -> None:
    """Raise ValueError when `sizes` is empty or not positive, or `x` has fewer rows than the largest level."""
    if not sizes or min(sizes) < 1:
        raise ValueError(f"sizes must be positive, got {sizes}")
    if len(x) < max(sizes):
        raise ValueError(f"{len(x)} vectors cannot fill {max(sizes)} codes; give more rows or smaller sizes")


def check_warm_start(warm_start: Codebook, kind: str, sizes: tuple[int, ...], dim: int) -> None:
    """Raise ValueError, naming both sides, when `warm_start` is not of this kind, sizes and dim."""
    found = (warm_start.kind, warm_start.sizes, warm_start.dim)
    if found != (kind, sizes, dim):
        raise ValueError(f"cannot start {(kind, sizes, dim)} from a codebook with {found}")


def quantization_error(x: Floats, reconstruction: Floats) -> Floats:
    """Return the squared distance (n,) between each row and its reconstruction, in embedding space."""
    difference = np.subtract(x, reconstruction, dtype=np.float64)
    squares: NDArray[np.float64] = np.einsum("ij,ij->i", difference, difference)
    return squares.astype(np.float32)
