"""A matrix product without rounding, so that no batch, thread count or BLAS library can change a bit of it.

Both sides are rounded to integers small enough that float64 holds every partial sum exactly; then the order of
summation no longer matters. The first step of Ozaki, Ogita, Oishi, Rump, "Error-free transformations of matrix
multiplication", Numerical Algorithms 59 (2012), without the later steps that recover the rounded-off rest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def exact_matmul(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (n, m) the product of `a` (n, d) and `b` (d, m), each rounded first to about float32 precision.

    Rows of `a` and columns of `b` keep 22 bits below their largest entry for d <= 512 (float32 has 24).
    """
    bits = (53 - int(np.ceil(np.log2(a.shape[1])))) // 2  # d * 2^bits * 2^bits <= 2^53
    rows, row_unit = _integers(a, bits, axis=1)
    columns, column_unit = _integers(b, bits, axis=0)
    product: NDArray[np.float64] = (rows @ columns) * row_unit * column_unit
    return product


def exact_row_products(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (n,) the inner product of each row of `a` (n, d) with the same row of `b`, rounded first as above."""
    bits = (53 - int(np.ceil(np.log2(a.shape[1])))) // 2
    left, left_unit = _integers(a, bits, axis=1)
    right, right_unit = _integers(b, bits, axis=1)
    sums: NDArray[np.float64] = np.einsum("ij,ij->i", left, right) * left_unit[:, 0] * right_unit[:, 0]
    return sums


def _integers(values: NDArray[np.floating], bits: int, axis: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return whole numbers up to 2^bits and, per row or column, the power of two that is their unit."""
    _, exponent = np.frexp(np.abs(values).max(axis=axis, keepdims=True))  # largest < 2^exponent
    unit = np.ldexp(1.0, exponent - bits)
    return np.rint(values * (1 / unit)), unit
