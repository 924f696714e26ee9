"""Vectors between Arrow and NumPy, without a Python list on the way, and the codebook that a worker holds."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from semid.quantize.base import Codebook, Codes, Floats
from semid.quantize.codebook import from_bytes


def to_matrix(column: pa.ListArray) -> Floats:
    """Return a list<float> column of equally long vectors as an (n, d) array.

    Raises:
        ValueError: The vectors differ in length or a row is null.
    """
    if len(column) == 0:
        return np.empty((0, 0), dtype=np.float32)
    flat = column.flatten().to_numpy(zero_copy_only=False)
    lengths = np.diff(column.offsets.to_numpy())
    if column.null_count or len(np.unique(lengths)) != 1:
        raise ValueError(f"vectors of lengths {np.unique(lengths)[:5].tolist()}, {column.null_count} of them null")
    return np.asarray(flat, dtype=np.float32).reshape(len(column), -1)


def to_codes(column: pa.ListArray, levels: int) -> Codes:
    """Return a list<int> column as an (n, levels) array; a row that is null or of another length becomes all -1."""
    usable = np.asarray(pc.equal(pc.list_value_length(column), levels).fill_null(False))
    codes = np.full((len(column), levels), -1, np.int32)
    if usable.any():
        flat = column.filter(pa.array(usable)).flatten().to_numpy(zero_copy_only=False)
        codes[usable] = flat.astype(np.int32).reshape(-1, levels)
    return codes


def to_lists(matrix: NDArray[np.generic]) -> pa.ListArray:
    """Return an (n, k) array as a list column over the same memory."""
    rows, width = matrix.shape
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, np.ascontiguousarray(matrix).ravel())


@lru_cache(maxsize=2)
def codebook_of(artifact: bytes) -> Codebook:
    """Return the codebook in these bytes, read once per Python worker."""
    return from_bytes(artifact)
