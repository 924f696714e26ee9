import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.measure.codes import (
    collision_rate,
    gini,
    largest_bucket,
    neighbour_preservation,
    nmi,
    perplexity,
    prefix_labels,
    relative_error,
    used_codes,
)

CODES = np.array([[0, 1], [0, 1], [0, 2], [3, 2]], np.int32)
SIZES = (4, 3)

code_tables = st.integers(0, 10**6).map(
    lambda seed: np.random.default_rng(seed).integers(5, size=(60, 3)).astype(np.int32)
)


def test_level_statistics_of_four_items():
    assert used_codes(CODES, SIZES) == [2, 2]
    assert perplexity(CODES, SIZES) == pytest.approx([4 / 27**0.25, 2])  # shares 3/4, 1/4 and 1/2, 1/2
    assert gini(CODES, SIZES) == pytest.approx([10 / 16, 1 / 3])  # counts 0 0 1 3 and 0 2 2


@pytest.mark.parametrize(("counts", "expected"), [([5, 5, 5, 5], 0), ([0, 0, 0, 8], 3 / 4)])
def test_gini_is_0_for_equal_counts_and_1_less_1_over_k_for_one_code(counts, expected):
    codes = np.repeat(np.arange(4), counts)[:, None].astype(np.int32)
    assert gini(codes, (4,)) == pytest.approx([expected])


@pytest.mark.parametrize("sizes", [(3, 3), (4,), (4, 3, 2)])
def test_codes_that_do_not_fit_their_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match="outside sizes"):
        used_codes(CODES, sizes)


def test_no_items_have_no_statistics():
    with pytest.raises(ValueError, match="no items"):
        perplexity(CODES[:0], SIZES)


def test_collisions_count_items_and_on_request_contents():
    """Items 0 and 1 share their codes; when they share their text too, no codes could differ."""
    assert collision_rate(CODES) == 1 / 4
    assert collision_rate(CODES, content=["a", "a", "b", "c"]) == 0
    assert collision_rate(CODES, content=["a", "b", "c", "d"]) == 1 / 4
    assert largest_bucket(CODES) == 2


@given(code_tables, st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_prefix_labels_are_equal_exactly_where_prefixes_are(codes, depth):
    expected = (codes[:, None, :depth] == codes[None, :, :depth]).all(axis=2)
    labels = prefix_labels(codes, depth)
    np.testing.assert_array_equal(expected, labels[:, None] == labels)


def test_relative_error_is_1_for_the_mean_and_0_for_a_copy():
    x = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32) + 9
    assert relative_error(x, x) == 0
    assert relative_error(x, np.broadcast_to(x.mean(axis=0), x.shape)) == pytest.approx(1)
    assert relative_error(x, x + 0.5) == pytest.approx(0.25 * 4 / x.var(axis=0).sum(), rel=1e-4)


def test_nmi_of_a_split_label():
    """b splits each label of a in two: I = H(a) = ln 2, H(b) = ln 4, so 2 ln 2 / 3 ln 2."""
    assert nmi(["x", "x", "y", "y"], [0, 1, 2, 3]) == pytest.approx(2 / 3)
    assert nmi([0, 0, 1, 1], ["p", "q", "p", "q"]) == pytest.approx(0)
    assert nmi([1, 1], [2, 2]) == 1


@given(code_tables)
@settings(max_examples=30, deadline=None)
def test_nmi_agrees_with_the_sum_over_label_pairs(codes):
    """I(a; b) as its definition has it, sum p(a, b) ln (p(a, b) / p(a) p(b)); the implementation adds entropies."""
    joint = np.zeros((5, 5))
    np.add.at(joint, (codes[:, 0], codes[:, 1]), 1 / len(codes))
    p, q = joint.sum(axis=1), joint.sum(axis=0)
    there = joint > 0
    information = (joint[there] * np.log((joint / np.outer(p, q).clip(1e-300))[there])).sum()
    entropies = -sum(share * np.log(share) for share in (*p, *q) if share > 0)
    assert nmi(codes[:, 0], codes[:, 1]) == pytest.approx(2 * information / entropies)


def test_neighbours_on_a_circle_are_counted_by_hand():
    """Six directions, 60 degrees apart but for a gap: the two nearest of each are the next ones."""
    angles = np.deg2rad([0, 10, 20, 180, 190, 200])
    x = np.c_[np.cos(angles), np.sin(angles)].astype(np.float32) * np.array([[1], [5], [2], [1], [7], [3]])
    codes = np.array([[0, 0], [0, 0], [0, 1], [1, 0], [1, 0], [0, 0]], np.int32)
    # depth 1: 3 items keep 2 of 2, items 3 and 4 keep 1 of 2, item 5 none; depth 2: items 0, 1, 3, 4 keep 1
    assert neighbour_preservation(x, codes, k=2) == pytest.approx([8 / 12, 4 / 12])


def test_neighbours_are_looked_for_among_the_allowed_items_only():
    rng = np.random.default_rng(0)
    x, codes = rng.standard_normal((400, 8)), rng.integers(3, size=(400, 2)).astype(np.int32)
    among = np.arange(400) < 300
    asked = np.arange(250, 400)
    by_hand = np.zeros(2)
    for item in asked:
        others = [other for other in range(300) if other != item]
        cosines = [x[item] @ x[other] / np.linalg.norm(x[other]) for other in others]
        for near in np.argsort(cosines)[-10:]:
            by_hand += np.cumprod(codes[item] == codes[others[near]])
    assert neighbour_preservation(x, codes, 10, asked, among) == pytest.approx(by_hand / 1500)


def test_neighbours_need_more_items_than_k():
    with pytest.raises(ValueError, match="4 items have no 10 neighbours"):
        neighbour_preservation(np.eye(4), CODES)
