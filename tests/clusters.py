"""Vectors in clusters, for tests of quantizers against faiss; its threads are set when this is imported."""

from __future__ import annotations

from collections.abc import Callable

import faiss
import numpy as np
import pytest

faiss.omp_set_num_threads(1)  # on busy cores its threads wait for each other: 22 s instead of .1 s


@pytest.fixture
def clustered() -> Callable[..., np.ndarray]:
    """`clustered(n, d, groups, seed)`: n vectors (float32) around random centres, noise a tenth of their spread."""

    def make(n: int = 600, d: int = 16, groups: int = 12, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        centres = rng.standard_normal((groups, d))
        return (centres[rng.integers(groups, size=n)] + 0.1 * rng.standard_normal((n, d))).astype(np.float32)

    return make
