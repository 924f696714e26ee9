import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.quantize import distance
from semid.quantize.distance import nearest

seeds = st.integers(0, 2**32 - 1)


def near_ties(seed: int, n: int = 60, k: int = 9, d: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors half way between two centroids, give or take less than float32 products resolve."""
    rng = np.random.default_rng(seed)
    centroids = rng.standard_normal((k, d)).astype(np.float32)
    a, b = centroids[rng.integers(k, size=n)], centroids[rng.integers(k, size=n)]
    return ((a + b) / 2 + 1e-7 * rng.standard_normal((n, d))).astype(np.float32), centroids


def by_definition(x: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    difference = x[:, None, :].astype(np.float64) - centroids
    return np.einsum("ikj,ikj->ik", difference, difference).argmin(axis=1)


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_nearest_is_the_float64_answer_even_at_near_ties(seed):
    x, centroids = near_ties(seed)
    np.testing.assert_array_equal(by_definition(x, centroids), nearest(x, centroids))


@given(seeds, st.integers(1, 59))
@settings(max_examples=40, deadline=None)
def test_a_row_has_the_same_code_in_any_batch(seed, cut):
    """Alone, in a part, in another order: Spark cuts partitions as it likes."""
    x, centroids = near_ties(seed)
    whole, order = nearest(x, centroids), np.random.default_rng(seed).permutation(len(x))
    np.testing.assert_array_equal(whole, np.r_[nearest(x[:cut], centroids), nearest(x[cut:], centroids)])
    np.testing.assert_array_equal(whole[order], nearest(x[order], centroids))
    np.testing.assert_array_equal(whole[cut], nearest(x[cut : cut + 1], centroids)[0])


def test_a_plain_float32_product_would_fail_the_batch_test():
    """Guards the tests above: their vectors are close enough to ties to be hard."""
    differs = []
    for seed in range(20):
        x, centroids = near_ties(seed)
        scores = np.square(centroids).sum(axis=1) / 2 - x @ centroids.T
        differs.append((scores.argmin(axis=1) != by_definition(x, centroids)).any())
    assert any(differs)


def test_the_lowest_index_wins_a_tie():
    centroids = np.array([[5, 5], [1, 0], [0, 1], [1, 0]], np.float32)
    x = np.array([[1, 0], [0.5, 0.5], [0, 1], [-3, -3]], np.float32)
    np.testing.assert_array_equal([1, 1, 2, 1], nearest(x, centroids))


def test_blocks_of_rows_give_the_same_codes(monkeypatch):
    x, centroids = near_ties(1)
    whole = nearest(x, centroids)
    monkeypatch.setattr(distance, "BLOCK_SCORES", 50)
    np.testing.assert_array_equal(whole, nearest(x, centroids))


def test_vectors_whose_squares_overflow_float32_still_find_the_nearest():
    centroids = np.array([[1e30, 0], [0, 1e30], [-1e30, 0]], np.float32)
    np.testing.assert_array_equal([0, 1, 2], nearest(centroids * np.float32(0.9), centroids))


def test_no_rows_give_no_codes():
    assert nearest(np.empty((0, 3), np.float32), np.zeros((2, 3), np.float32)).shape == (0,)


@pytest.mark.parametrize("scale", [1e-20, 1, 1e6])
def test_nearest_does_not_depend_on_scale(scale):
    x, centroids = near_ties(3)
    np.testing.assert_array_equal(
        by_definition(x * np.float32(scale), centroids * np.float32(scale)),
        nearest(x * np.float32(scale), centroids * np.float32(scale)),
    )
