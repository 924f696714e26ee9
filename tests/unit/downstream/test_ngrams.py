import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.downstream.bags import Bags, hashed_ids, raw_ids, side_by_side
from semid.downstream.ngrams import ngrams, prefix_ngrams

CODES = np.array([[1, 2, 0], [1, 2, 3], [0, 2, 3]], np.int32)
SIZES = (2, 3, 4)


def test_a_prefix_has_the_row_of_its_number_in_mixed_radix_behind_the_shallower_ones():
    """Two rows of depth 1, then 6 of depth 2, then 24 of depth 3."""
    bags = prefix_ngrams(CODES, SIZES, limit=24)
    assert bags.rows == 2 + 6 + 24
    assert bags.index.tolist() == [
        [1, 2 + 1 * 3 + 2, 8 + (1 * 3 + 2) * 4],
        [1, 2 + 1 * 3 + 2, 8 + (1 * 3 + 2) * 4 + 3],
        [0, 2 + 2, 8 + 2 * 4 + 3],
    ]


def test_groups_of_codes_are_disjoint_and_the_last_may_be_shorter():
    pairs = ngrams(CODES, SIZES, 2, limit=6)
    assert (pairs.rows, pairs.index.tolist()) == (6 + 4, [[5, 6], [5, 9], [2, 9]])
    single = ngrams(CODES, SIZES, 1, limit=4)
    assert (single.rows, single.index.tolist()) == (9, [[1, 4, 5], [1, 4, 8], [0, 4, 8]])


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_two_items_share_as_many_prefix_rows_as_leading_codes(seed):
    codes = np.random.default_rng(seed).integers(3, size=(30, 4)).astype(np.int32)
    index = prefix_ngrams(codes, (3, 3, 3, 3), limit=81).index
    equal = np.logical_and.accumulate(codes[:, None] == codes[None], axis=2)
    assert ((index[:, None] == index[None]) == equal).all()


def test_prefixes_beyond_the_limit_share_rows_evenly_at_random():
    """40,000 distinct tuples of 8 codes, whose number overflows 64 bits, in 1,000 rows: 40 each, deviation sqrt(40)."""
    codes = np.random.default_rng(0).integers(2_048, size=(40_000, 8)).astype(np.int32)
    bags = prefix_ngrams(codes, (2_048,) * 8, limit=1_000)
    assert bags.rows == 8_000
    deep = np.bincount(bags.index[:, 7] - 7_000, minlength=1_000)
    assert len(deep) == 1_000
    assert deep.std() == pytest.approx(np.sqrt(40), rel=0.1)
    again = prefix_ngrams(codes[::-1], (2_048,) * 8, limit=1_000)
    np.testing.assert_array_equal(again.index[::-1], bags.index)


def test_the_hash_of_a_prefix_is_fixed():
    """Tables of a trained model are indexed by it; computed once with a SplitMix64 written out in Python integers."""
    assert prefix_ngrams(np.array([[7, 9]], np.int32), (256, 256), 256).index.tolist() == [
        [7, 256 + _splitmix((7, 9)) % 256]
    ]


def _splitmix(codes):
    state, word = 0, 2**64
    for code in codes:
        state = (state + code + 0x9E3779B97F4A7C15) % word
        state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % word
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB % word
        state ^= state >> 31
    return state


def test_ids_are_hashed_by_their_text():
    """BLAKE2b, 8 bytes, little-endian, as any language computes it."""
    import hashlib

    bags = hashed_ids(["a", "b", "ü"], 1_000)
    expected = [int.from_bytes(hashlib.blake2b(t.encode(), digest_size=8).digest(), "little") % 1_000 for t in "abü"]
    assert (bags.index[:, 0].tolist(), bags.rows) == (expected, 1_000)


def test_tables_stand_behind_each_other_and_padding_stays_padding():
    both = side_by_side([Bags(np.array([[0, 3], [1, 2]], np.int32), 3), raw_ids(2)])
    assert (both.index.tolist(), both.rows) == ([[0, 5, 3], [1, 2, 4]], 5)
    assert both.mean_width == 2.5


@pytest.mark.parametrize("codes", [[[2, 0, 0]], [[0, -1, 0]]])
def test_codes_outside_their_level_are_refused(codes):
    with pytest.raises(ValueError, match="1 of 1 IDs have codes outside"):
        prefix_ngrams(np.array(codes, np.int32), SIZES, 100)


def test_bags_that_name_no_row_are_refused():
    with pytest.raises(ValueError, match="2 indices name no row"):
        Bags(np.array([[-1, 4], [3, 0]], np.int32), 3)
