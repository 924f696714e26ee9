"""Places on a plane: neighbours stay neighbours, the same rows give the same places."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from semid.measure.projection import to_plane

RNG = np.random.default_rng(3)


def test_clusters_stay_apart() -> None:
    """Three clusters in 20 dimensions: nearly every point's nearest five on the plane are of its own."""
    own = np.repeat([0, 1, 2], 40)
    x = (8 * RNG.standard_normal((3, 20))[own] + RNG.standard_normal((120, 20))).astype(np.float32)
    places = to_plane(x)
    near = NearestNeighbors(n_neighbors=6).fit(places).kneighbors(places)[1][:, 1:]
    assert (own[near] == own[:, None]).mean() > 0.99
    np.testing.assert_array_equal(to_plane(x), places)


@pytest.mark.parametrize("shape", [(0, 4), (1, 4), (2, 4), (3, 1), (5, 300)])
def test_few_rows_or_columns(shape: tuple[int, int]) -> None:
    """Places inside the unit square, whatever there is."""
    places = to_plane(RNG.standard_normal(shape).astype(np.float32))
    assert places.shape == (shape[0], 2)
    assert np.isfinite(places).all()
    assert places.min(initial=0.5) >= 0
    assert places.max(initial=0.5) <= 1


def test_equal_rows() -> None:
    """A catalog of one vector is no division by zero."""
    assert np.isfinite(to_plane(np.ones((10, 4), np.float32))).all()
