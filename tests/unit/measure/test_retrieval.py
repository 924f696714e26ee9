import numpy as np
import pytest

from semid.measure.retrieval import differences, hits_of, ndcg, per_user, recall, retrieval_measures, slices_of

RANKED = np.array([[4, 7, 1, 0], [3, 2, -1, -1], [9, 8, 7, 6]])
WANTED = np.array([1, 3, 5])


def test_values_of_three_users():
    """Found third, found first, not found."""
    values = per_user(hits_of(RANKED, WANTED), cutoffs=(2, 4))
    assert {name: value.tolist() for name, value in values.items()} == {
        "recall_2": [0, 1, 0],
        "ndcg_2": [0, 1, 0],
        "recall_4": [1, 1, 0],
        "ndcg_4": [0.5, 1, 0],  # 1 / log2(4)
        "mrr_4": [pytest.approx(1 / 3), 1, 0],
    }


def test_nothing_is_no_hit_even_when_nothing_is_wanted():
    assert not hits_of(np.array([[2, -1]]), np.array([-1])).any()


def test_the_best_list_of_several_wanted_items_is_the_measure_of_ndcg():
    """Wanted three, found second and third, then two: 1/log2(3) + 1/log2(4) over 1 + 1/log2(3) + 1/log2(4)."""
    hits = np.array([[False, True, True], [True, False, False]])
    third, fourth = 1 / np.log2(3), 1 / 2
    expected = [(third + fourth) / (1 + third + fourth), 1 / (1 + third)]
    assert ndcg(hits, np.array([3, 2]), 3) == pytest.approx(expected)
    assert ndcg(hits, np.array([5, 1]), 2) == pytest.approx([third / (1 + third), 1])


def test_recall_is_over_all_that_was_wanted():
    hits = np.array([[True, False, True]])
    assert recall(hits, np.array([4]), 2) == 0.25
    assert recall(hits, np.array([4]), 3) == 0.5


@pytest.mark.parametrize(
    ("ranked", "wanted", "message"),
    [
        ([[1, 2], [3, 3]], [1, 3], "1 of 2 lists name an item twice, first list 1"),
        ([[1, 2]], [1, 3], "are not"),
    ],
)
def test_lists_that_would_count_wrong_are_refused(ranked, wanted, message):
    with pytest.raises(ValueError, match=message):
        hits_of(np.array(ranked), np.array(wanted))


def test_all_problems_are_named_at_once():
    with pytest.raises(ValueError, match=r"cutoff 5 exceeds lists of 3; 1 users have no relevant item"):
        per_user(np.zeros((2, 3), np.bool_), np.array([1, 0]), cutoffs=(3, 5))


def test_slices_follow_the_training_traffic_of_the_wanted_item():
    """Traffic 10, 6, 3, 1, 0: half of 20 is reached with the first item, four fifths with the second."""
    found = slices_of(np.array([0, 1, 2, 3, 4, 4]), np.array([10, 6, 3, 1, 0]))
    assert {name: np.flatnonzero(here).tolist() for name, here in found.items()} == {
        "all": [0, 1, 2, 3, 4, 5],
        "head": [0],
        "mid": [1],
        "tail": [2, 3],
        "cold": [4, 5],
    }


def test_means_have_the_interval_that_theory_gives():
    """2,000 users of which 1 in 10 hits: the standard error is .0067, and an empty slice says nothing."""
    values = {"recall_10": (np.arange(2_000) % 10 == 0).astype(float)}
    slices = {"all": np.ones(2_000, np.bool_), "cold": np.zeros(2_000, np.bool_)}
    users, found = retrieval_measures(values, slices, np.random.default_rng(0))
    assert (users.metric, users.value, found.metric, found.value) == ("users", 2_000, "recall_10", 0.1)
    assert found.low == pytest.approx(0.1 - 1.96 * 0.0067, abs=0.002)
    assert found.high == pytest.approx(0.1 + 1.96 * 0.0067, abs=0.002)


def test_a_difference_that_every_user_has_is_certain_though_both_means_are_not():
    noise = np.random.default_rng(0).random(500)
    found = differences({"ndcg_5": noise + 0.01}, {"ndcg_5": noise})
    _, gain = retrieval_measures(found, {"all": np.ones(500, np.bool_)}, np.random.default_rng(0))
    assert gain.low == pytest.approx(0.01)
    assert gain.high == pytest.approx(0.01)
    with pytest.raises(ValueError, match="cannot pair"):
        differences({"ndcg_5": noise}, {"ndcg_5": noise[1:]})
