import numpy as np
import pytest

from semid.quantize.distance import nearest
from semid.quantize.kmeans import KmeansParams, kmeans, revive_empty, seed_centroids

PARAMS = KmeansParams()


def error(x: np.ndarray, centroids: np.ndarray) -> float:
    return float(np.square(x - centroids[nearest(x, centroids)]).sum(axis=1).mean())


def test_separate_groups_are_found_and_their_means_returned():
    """Known answer: four far groups of unequal size."""
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [0, 100], [100, 0], [100, 100]])
    group = np.repeat([0, 1, 2, 3], [10, 200, 50, 90])
    x = (centres[group] + rng.standard_normal((350, 2))).astype(np.float32)
    expected = np.array([x[group == g].mean(axis=0) for g in range(4)])
    found = kmeans(x, 4, PARAMS)
    np.testing.assert_allclose(expected, found[np.lexsort((found[:, 1] > 50, found[:, 0] > 50))], rtol=1e-5)


def test_the_same_rows_give_the_same_bytes(clustered):
    x = clustered()
    assert kmeans(x, 30, PARAMS).tobytes() == kmeans(x.copy(), 30, PARAMS).tobytes()


def test_seeding_cuts_the_worst_group_at_its_mean():
    x = np.array([[0], [1], [10], [11], [100]], np.float32)
    np.testing.assert_array_equal([[5.5], [100]], np.sort(seed_centroids(x, 2), axis=0))
    np.testing.assert_array_equal([[0.5], [10.5], [100]], np.sort(seed_centroids(x, 3), axis=0))


def test_every_code_is_used_after_a_start_that_wastes_most_of_them(clustered):
    x = clustered()
    init = np.r_[x[:2], np.full((18, 16), 1e3)].astype(np.float32)
    assert np.bincount(nearest(x, kmeans(x, 20, PARAMS, init=init)), minlength=20).min() > 0


def test_an_empty_centroid_moves_to_the_farthest_row_of_the_worst_cluster():
    x = np.array([[0], [1], [5], [100], [101]], np.float32)
    codes = np.array([0, 0, 0, 1, 1], np.int32)
    revived = revive_empty(x, codes, np.array([[2], [100.5], [-50]], np.float32))
    np.testing.assert_array_equal([[2], [100.5], [5]], revived)


def test_more_centroids_than_distinct_rows_are_no_error():
    """Residuals of a small catalog: most are zero."""
    x = np.repeat(np.array([[0, 0], [1, 1], [2, 0]], np.float32), [50, 1, 1], axis=0)
    centroids = kmeans(x, 8, PARAMS)
    assert error(x, centroids) == 0
    assert np.isfinite(centroids).all()


def test_a_warm_start_keeps_the_numbers_of_the_codes(clustered):
    x = clustered()
    first = kmeans(x, 12, PARAMS)
    shuffled = np.random.default_rng(1).permutation(12)
    again = kmeans(x, 12, PARAMS, init=first[shuffled])
    np.testing.assert_allclose(first[shuffled], again, atol=1e-5)


def test_params_out_of_range_are_refused():
    with pytest.raises(ValueError, match="iterations start at 1"):
        KmeansParams(iterations=0)
