import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.downstream.cold_item import cold_items
from semid.downstream.coldstart import Catalog, semantic_knn, with_cold_items

CODES = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 2], [1, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0]], np.int32)
COLD = np.array([False, True, True, False, True, True])
NO_HISTORY = np.full((1, 1), -1)


def found(generated, epsilon, k=4, histories=NO_HISTORY):
    return with_cold_items(np.array([generated]), Catalog(CODES, COLD), histories, k, epsilon).tolist()[0]


def test_cold_items_follow_the_warm_one_whose_first_three_codes_they_share():
    assert found([[0, 0, 0, 0], [1, 0, 0, 0]], epsilon=1) == [0, 1, 2, 3]
    assert found([[1, 0, 0, 0], [0, 0, 0, 0]], epsilon=1) == [3, 4, 0, 1]


def test_epsilon_caps_the_cold_items_of_a_list():
    assert found([[0, 0, 0, 0], [1, 0, 0, 0]], epsilon=0.25) == [0, 1, 3, -1]
    assert found([[0, 0, 0, 0], [1, 0, 0, 0]], epsilon=0.2) == [0, 3, -1, -1]
    assert found([[0, 0, 0, 0], [1, 0, 0, 0]], epsilon=0) == [0, 3, -1, -1]


def test_an_id_that_only_a_cold_item_has_finds_it_and_its_last_number_does_not_matter():
    assert found([[0, 0, 1, 9]], epsilon=1) == [5, -1, -1, -1]


def test_fewer_codes_reach_further():
    ranked = with_cold_items(np.array([[[0, 0, 0, 0]]]), Catalog(CODES, COLD), NO_HISTORY, 4, 1, depth=2)
    assert ranked.tolist() == [[0, 1, 2, 5]]


def test_a_warm_item_needs_all_codes_and_no_id_finds_nothing():
    assert found([[1, 0, 0, 2], [-1, -1, -1, -1]], epsilon=0) == [-1, -1, -1, -1]


def test_what_a_user_has_seen_is_not_listed_and_takes_no_cold_place():
    assert found([[0, 0, 0, 0]], epsilon=0.25, histories=np.array([[1]])) == [0, 2, -1, -1]


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_lists_are_those_of_a_loop_over_beams(seed):
    rng = np.random.default_rng(seed)
    codes, cold = rng.integers(2, size=(25, 4)).astype(np.int32), rng.random(25) < 0.4
    generated, histories = rng.integers(2, size=(3, 5, 4)), rng.integers(-1, 25, size=(3, 6))
    epsilon = float(rng.choice([0, 0.1, 0.3, 1]))
    expected = []
    for user in range(3):
        listed: list[int] = []
        for beam in generated[user]:
            warm = [i for i in range(25) if not cold[i] and (codes[i] == beam).all()]
            new = [i for i in range(25) if cold[i] and (codes[i, :3] == beam[:3]).all()]
            for item in warm + new:
                full = cold[item] and sum(cold[i] for i in listed) >= int(10 * epsilon)
                if item not in listed and item not in histories[user] and not full:
                    listed.append(item)
        expected.append((listed + [-1] * 10)[:10])
    assert with_cold_items(generated, Catalog(codes, cold), histories, 10, epsilon).tolist() == expected


def test_nearest_to_the_last_items_by_cosine_whatever_their_length():
    x = np.array([[1, 0], [9, 1], [0, 5], [1, 1]], np.float32)
    histories = np.array([[2, 0, -1]])
    assert semantic_knn(x, histories, 2).tolist() == [[1, 3]]
    assert semantic_knn(x, histories, 2, last=2).tolist() == [[3, 1]]


def test_new_items_by_the_deepest_prefix_they_share_with_older_ones():
    codes = np.array([[0, 1, 2], [0, 1, 2], [0, 1, 0], [0, 2, 0], [7, 0, 0], [0, 1, 2], [0, 1, 5]], np.int32)
    new = np.array([True, False, False, False, True, True, True])
    view = cold_items(codes, new, np.array([50, 3, 4, 8, 50, 50, 50]), neighbours=3)
    assert view.item.tolist() == [0, 4, 5, 6]
    assert view.depth.tolist() == [3, 0, 3, 2]
    assert view.neighbours.tolist() == [[1, -1, -1], [-1, -1, -1], [1, -1, -1], [2, 1, -1]]
    assert view.prefix_items.tolist() == [1, 0, 1, 2]
    assert view.prefix_traffic.tolist() == [3, 0, 3, 7]


def test_without_new_or_older_items_nothing_is_known():
    codes = np.array([[0, 1], [0, 1]], np.int32)
    assert len(cold_items(codes, np.zeros(2, np.bool_), np.ones(2, np.int64)).item) == 0
    alone = cold_items(codes, np.ones(2, np.bool_), np.ones(2, np.int64), neighbours=1)
    assert (alone.depth.tolist(), alone.neighbours.tolist()) == ([0, 0], [[-1], [-1]])
