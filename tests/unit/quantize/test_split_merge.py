import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.quantize import split_merge
from semid.quantize.clusters import cluster_means, halves
from semid.quantize.distance import nearest
from semid.quantize.kmeans import KmeansParams, first_centroids, kmeans
from semid.quantize.split_merge import cheapest_merges, swapped

seeds = st.integers(0, 2**32 - 1)


def squared_error(x: np.ndarray, codes: np.ndarray) -> float:
    """Return the squared error of rows around the means of their clusters, in float64."""
    parts = [x[codes == code].astype(np.float64) for code in np.unique(codes)]
    return sum(float(np.square(part - part.mean(axis=0)).sum()) for part in parts)


def test_a_centroid_too_many_goes_where_one_is_missing():
    """Known answer: two centroids share the group on the left, one has both groups on the right."""
    x = np.array([[0], [1], [2], [3], [100], [101], [200], [201]], np.float32)
    codes = np.array([0, 0, 1, 1, 2, 2, 2, 2], np.int32)
    centroids, swaps = swapped(x, codes, cluster_means(x, codes, np.zeros((3, 1), np.float32)))
    assert swaps == 1
    np.testing.assert_array_equal([[1.5], [100.5], [200.5]], np.sort(centroids, axis=0))


def test_a_swap_that_costs_more_than_it_gains_is_not_made():
    x = np.array([[0], [1], [10], [11], [20], [21]], np.float32)
    codes = np.array([0, 0, 1, 1, 2, 2], np.int32)
    means = cluster_means(x, codes, np.zeros((3, 1), np.float32))
    centroids, swaps = swapped(x, codes, means)
    assert swaps == 0
    np.testing.assert_array_equal(means, centroids)


def test_empty_clusters_are_spent_on_the_widest_ones():
    x = np.array([[0], [1], [50], [51], [100], [104]], np.float32)
    codes = np.array([0, 0, 0, 0, 3, 3], np.int32)
    means = np.array([[25.5], [-1], [-2], [102]], np.float32)
    centroids, swaps = swapped(x, codes, means)
    assert swaps == 2
    np.testing.assert_array_equal([[0.5], [50.5], [100], [104]], np.sort(centroids, axis=0))


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_the_cost_of_a_merge_is_the_error_that_it_adds(seed):
    """Second implementation: the squared error of every merge, counted from the rows."""
    rng = np.random.default_rng(seed)
    x, codes = rng.standard_normal((40, 3)).astype(np.float32), rng.integers(6, size=40).astype(np.int32)
    codes[:6] = np.arange(6)
    costs, partners = cheapest_merges(cluster_means(x, codes, np.zeros((6, 3), np.float32)), np.bincount(codes) * 1.0)
    before = squared_error(x, codes)
    for one in range(6):
        added = {other: squared_error(x, np.where(codes == one, other, codes)) - before for other in range(6)}
        del added[one]
        assert costs[one] == pytest.approx(min(added.values()), abs=1e-4)
        assert added[int(partners[one])] == pytest.approx(min(added.values()), abs=1e-4)


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_every_round_lowers_the_error(seed):
    rng = np.random.default_rng(seed)
    x = (rng.standard_normal((12, 4))[rng.integers(12, size=150)] + 0.1 * rng.standard_normal((150, 4))).astype("f4")
    codes = nearest(x, x[rng.permutation(150)[:20]])
    means = cluster_means(x, codes, np.zeros((20, 4), np.float32))
    centroids, swaps = swapped(x, codes, means)
    before, after = (float(np.square(x - c[k]).sum()) for c, k in ((means, codes), (centroids, nearest(x, centroids))))
    assert after < before if swaps else after <= before


def test_blocks_of_costs_change_nothing(clustered, monkeypatch):
    x = clustered(n=300)
    whole = first_centroids(x, 30, KmeansParams())
    monkeypatch.setattr(split_merge, "BLOCK_COSTS", 100)
    assert whole.tobytes() == first_centroids(x, 30, KmeansParams()).tobytes()


@pytest.mark.parametrize("k", [1, 2, 3])
def test_few_clusters_are_no_error(k):
    x = np.array([[0], [1], [5], [9]], np.float32)
    errors = [
        squared_error(x, np.array(codes)) for codes in itertools.product(range(k), repeat=4) if len(set(codes)) == k
    ]
    found = kmeans(x, k, KmeansParams())
    assert squared_error(x, nearest(x, found)) == pytest.approx(min(errors))


def test_alike_rows_are_cut_without_an_empty_half():
    left, right = halves(np.ones((5, 2), np.float32))
    assert min(len(left), len(right)) > 0
    assert sorted([*left, *right]) == list(range(5))
