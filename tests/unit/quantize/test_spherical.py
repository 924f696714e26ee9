import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.quantize import spherical
from semid.quantize.spherical import SphericalParams, directions, soft_means, spherical_kmeans, unit


def on_sphere(n, d, seed=0):
    return unit(np.random.default_rng(seed).standard_normal((n, d)))


def dense_soft_means(x, points, top, sharpness):
    """Weights as an (n, k) table."""
    cosines = x.astype(np.float64) @ points.T
    least = np.sort(cosines, axis=1)[:, -top][:, None]
    weights = np.where(cosines >= least, np.exp(sharpness * cosines), 0)
    return (weights / weights.sum(axis=1, keepdims=True)).T @ x


@pytest.mark.parametrize("block", [40, 1 << 22])
@given(seed=st.integers(0, 10**6), top=st.integers(1, 9), sharpness=st.floats(0, 30))
@settings(max_examples=15, deadline=None)
def test_soft_means_are_those_of_a_dense_table(block, seed, top, sharpness):
    """Also in blocks of a few rows, and where more centroids are asked for than there are."""
    x, points = on_sphere(60, 7, seed), on_sphere(6, 7, seed + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spherical, "BLOCK_COSINES", block)
        found = soft_means(x, points, SphericalParams(soft=top, sharpness=sharpness))
    expected = dense_soft_means(x, points, min(top, 6), sharpness)
    untouched = ~expected.any(axis=1)
    np.testing.assert_allclose(found[~untouched], expected[~untouched], atol=1e-5)
    np.testing.assert_array_equal(found[untouched], points[untouched])


def test_a_row_without_a_direction_is_no_number_to_divide_by():
    np.testing.assert_array_equal(unit(np.float32([[3, 4], [0, 0]])), np.float32([[0.6, 0.8], [0, 0]]))
    np.testing.assert_array_equal(unit(np.array([[1e-7, 0], [1, 0]]), 1e-6), [[0, 0], [1, 0]])
    np.testing.assert_array_equal(directions(np.float32([[0, 0], [0, 2]])), [[1, 0], [0, 1]])


def test_far_clusters_are_found_again():
    """Known answer: rows around ten directions; centroids are those, nearly of length 1."""
    centres = on_sphere(10, 12, seed=2)
    x = unit(np.repeat(centres, 30, axis=0) + 0.02 * np.random.default_rng(3).standard_normal((300, 12)))
    centroids = spherical_kmeans(x, 10, SphericalParams(soft=1))
    cosines = unit(centroids) @ centres.T
    assert sorted(cosines.argmax(axis=1)) == list(range(10))
    assert cosines.max(axis=1).min() > 0.999
    np.testing.assert_allclose(np.linalg.norm(centroids, axis=1), 1, atol=0.01)


def test_a_point_that_no_row_is_near_is_moved_onto_rows():
    """Hard, since a soft row also pulls on its second nearest point."""
    x = unit(np.abs(on_sphere(200, 6)))
    init = np.concatenate([x[:5], -np.ones((1, 6), np.float32)])
    centroids = spherical_kmeans(x, 6, SphericalParams(soft=1), init=init)
    assert len(np.unique((x @ unit(centroids).T).argmax(axis=1))) == 6


def test_more_codes_than_directions_are_all_finite_and_found():
    """Those left over keep a direction and a length above zero."""
    x = np.repeat(on_sphere(3, 5), 4, axis=0)
    centroids = spherical_kmeans(x, 6, SphericalParams())
    assert (np.linalg.norm(centroids, axis=1) > 0).all()
    assert len(np.unique((x @ unit(centroids).T).argmax(axis=1))) == 3


@pytest.mark.parametrize("wrong", [{"soft": 0}, {"sharpness": -1.0}, {"sharpness": float("nan")}, {"iterations": 0}])
def test_params_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="start"):
        SphericalParams(**wrong)
