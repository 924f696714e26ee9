"""The rules for vectors that the feed brings itself (`embedding.model = supplied:NAME`)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Vectors of real models have norms of 1 to 1000; beyond this the column is something else.
MAX_NORM = 1e6


class Vector(NamedTuple):
    """A supplied vector after the rules: the unit vector (d,) float32, or the reason why there is none."""

    unit: NDArray[np.float32] | None
    reason: str | None


NO_VECTOR = Vector(None, None)


def check_vector(values: Any) -> Vector:
    """Return the L2-normalised vector, or why the row goes to quarantine.

    Its length is judged against the other rows', see `vector_dim` in `frames/validate.py`.

    >>> check_vector([3.0, 4.0]).unit.tolist(), check_vector([0.0, 0.0]).reason
    ([0.6000000238418579, 0.800000011920929], 'vector_zero')
    """
    if values is None or not isinstance(values, list | np.ndarray) or len(values) == 0:
        return Vector(None, "vector_dim")
    try:
        # A null becomes NaN; the text of a JSON number a float.
        wide = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):  # an integer of thousands of digits
        return Vector(None, "vector_not_finite")
    if wide.ndim != 1 or not np.isfinite(wide).all():
        return Vector(None, "vector_not_finite")
    norm = float(np.linalg.norm(wide))
    if norm == 0.0:
        return Vector(None, "vector_zero")
    if norm > MAX_NORM:
        return Vector(None, "vector_norm")
    return Vector((wide / norm).astype(np.float32), None)
