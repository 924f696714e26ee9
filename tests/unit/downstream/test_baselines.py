import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.downstream.item_knn import fit_item_knn
from semid.downstream.other_ids import lsh_ids, random_ids
from semid.downstream.popularity import most_popular
from semid.downstream.ranked import by_score, matrix_of

HISTORIES = np.array([[0, 1, -1], [0, 1, 2], [3, 2, -1], [-1, -1, -1]])


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_lists_are_those_of_a_full_sort(seed):
    """Few distinct scores, so that ties are many; a third of the items has none."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(3, size=(5, 12)).astype(np.float32)
    scores[rng.random((5, 12)) < 0.3] = -np.inf
    histories = rng.integers(-1, 12, size=(5, 4))
    expected = []
    for user in range(5):
        allowed = [i for i in range(12) if scores[user, i] > -np.inf and i not in histories[user]]
        best = sorted(allowed, key=lambda i: (-scores[user, i], i))[:6]
        expected.append(best + [-1] * (6 - len(best)))
    assert by_score(lambda part: scores[part].copy(), histories, 12, 6).tolist() == expected


def test_the_most_popular_items_that_a_user_has_not_seen_and_never_cold_ones():
    ranked = most_popular(np.array([5, 9, 5, 1, 0]), HISTORIES, 3)
    assert ranked.tolist() == [[2, 3, -1], [3, -1, -1], [1, 0, -1], [1, 0, 2]]


def test_a_history_becomes_weights_by_age_and_an_item_seen_twice_counts_at_its_latest_place():
    histories = np.array([[2, 0, 2, -1], [-1, 1, 0, 3]])
    assert matrix_of(histories, 4, 0.5).toarray().tolist() == [[0.5, 0, 1, 0], [0.5, 0.25, 0, 1]]


def test_cosines_of_co_occurrence():
    """Items 0 and 1 have the same two users; 2 has one of them and one of its own; 3 shares that."""
    knn = fit_item_knn(HISTORIES, 4)
    expected = [[0, 1, 0.5, 0], [1, 0, 0.5, 0], [0.5, 0.5, 0, 2**-0.5], [0, 0, 2**-0.5, 0]]
    np.testing.assert_allclose(knn.similarity.toarray(), expected, atol=1e-6)
    assert knn.recommend(np.array([[3, -1], [0, 2]]), 2).tolist() == [[2, -1], [1, 3]]


def test_only_the_nearest_neighbours_are_kept():
    kept = fit_item_knn(HISTORIES, 4, neighbours=1).similarity.toarray() > 0
    assert kept.tolist() == [
        [False, True, False, False],
        [True, False, False, False],
        [False] * 3 + [True],
        [False, False, True, False],
    ]


def test_the_last_item_of_a_history_weighs_most():
    """Item 2 goes with 0, and 3 with 1: the order of the history decides which comes first."""
    histories = np.array([[0, 2], [1, 3]])
    forgets, remembers = fit_item_knn(histories, 4), fit_item_knn(histories, 4, decay=0.5)
    assert forgets.recommend(np.array([[0, 1], [1, 0]]), 2).tolist() == [[2, 3], [2, 3]]
    assert remembers.recommend(np.array([[0, 1], [1, 0]]), 2).tolist() == [[3, 2], [2, 3]]


def test_random_codes_are_even_over_their_level():
    codes = random_ids(40_000, (4, 16), np.random.default_rng(0))
    for level, size in zip(codes.T, (4, 16), strict=True):
        counts = np.bincount(level, minlength=size)
        assert len(counts) == size
        assert np.abs(counts - 40_000 / size).max() < 4 * np.sqrt(40_000 / size)


def test_hyperplanes_split_by_angle():
    """Two vectors at 60 degrees differ in a sign with probability 60/180 (Charikar), whatever is added to all."""
    turn = np.array([[1, 0], [0.5, 3**0.5 / 2], [-1, 0], [-0.5, -(3**0.5) / 2]], np.float32) + 7
    codes = lsh_ids(turn, (2,) * 6_000, np.random.default_rng(0))
    assert (codes[0] != codes[1]).mean() == pytest.approx(1 / 3, abs=0.02)
    assert (codes[0] != codes[2]).all()


def test_hyperplanes_fill_a_level_and_need_powers_of_two():
    x = np.random.default_rng(0).standard_normal((2_000, 16)).astype(np.float32)
    codes = lsh_ids(x, (8, 32), np.random.default_rng(0))
    assert codes.max(axis=0).tolist() == [7, 31]
    assert codes.min(axis=0).tolist() == [0, 0]
    with pytest.raises(ValueError, match=r"powers of two of codes, not \[100\]"):
        lsh_ids(x, (8, 100), np.random.default_rng(0))
