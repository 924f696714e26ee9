import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.quantize.base import quantization_error
from semid.quantize.capacity import best_last, last_errors, within_capacity
from semid.quantize.rkmeans import RkmeansCodebook

ERRORS = np.array([[1, 2, 9], [0, 3, 9], [2, 1, 9], [1.5, 9, 3]], np.float32)
NOBODY = np.zeros(3, np.int64)


def spread(errors=ERRORS, first=None, priority=None, taken=NOBODY, capacity=1):
    first = errors.argmin(axis=1) if first is None else np.array(first)
    priority = np.zeros(len(errors)) if priority is None else np.array(priority)
    return within_capacity(errors, first, priority, np.array(taken), capacity).tolist()


def test_the_nearest_stays_and_the_others_take_the_next_best_free_code():
    """Row 1 is nearest to code 0; row 0, first by order among equal errors, takes 1 and row 2 gets what is left."""
    assert spread(capacity=4) == [0, 0, 1, 0]
    assert spread(ERRORS[:3]) == [1, 0, 2]


def test_a_first_choice_with_room_is_left_alone():
    """What `encode` gave stays, although code 0 would have less error for both; the second finds its own taken."""
    assert spread(ERRORS[:2], first=[1, 1]) == [1, 0]
    assert spread(ERRORS[:2], first=[1, 1], capacity=2) == [1, 1]


def test_incumbents_come_first():
    """A place that is taken is not given; a kept code is chosen before a nearer newcomer."""
    assert spread(ERRORS[1:2], taken=(1, 0, 0)) == [1]
    assert spread(ERRORS[:2], priority=(1, 0)) == [0, 1]


def test_when_every_place_is_taken_the_best_code_is_shared():
    """Four contents for three places: the one served last has its best code, above capacity."""
    assert spread(taken=(1, 1, 1)) == [0, 0, 1, 0]
    assert sorted(spread()) == [0, 0, 1, 2]


def test_a_capacity_below_one_is_refused():
    with pytest.raises(ValueError, match="capacity of 0"):
        spread(capacity=0)


@given(st.integers(0, 10**6), st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_no_bucket_overflows_while_there_is_room_and_order_decides_nothing(seed, capacity):
    """Shuffled rows get the codes they had; nobody is moved away from a code with a free place."""
    rng = np.random.default_rng(seed)
    errors = rng.random((20, 8)).astype(np.float32)
    priority, taken = rng.integers(0, 2, 20), rng.integers(0, capacity + 1, 8)
    first = rng.integers(0, 8, 20)
    last = within_capacity(errors, first, priority, taken, capacity)
    filled = taken + np.bincount(last, minlength=8)
    room = int((capacity - taken).sum())
    if room >= 20:
        assert (filled <= capacity).all()
    assert (filled[first[last != first]] >= capacity).all()
    order = rng.permutation(20)
    again = within_capacity(errors[order], first[order], priority[order], taken, capacity)
    np.testing.assert_array_equal(last[order], again)


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_last_errors_and_the_best_last_code_agree_with_a_search_over_all_codes(seed):
    rng = np.random.default_rng(seed)
    codebook = RkmeansCodebook(tuple(rng.standard_normal((5, 4)).astype(np.float32) for _ in range(3)))
    x = rng.standard_normal((30, 4)).astype(np.float32)
    codes = rng.integers(0, 5, (30, 3)).astype(np.int32)
    codes[3] = [-1, 0, 2]
    best = best_last(x, codebook, codes)
    assert best[3].tolist() == [-1, 0, 2]
    for row in set(range(30)) - {3}:
        tries = np.array([[*codes[row, :2], k] for k in range(5)], np.int32)
        errors = quantization_error(np.tile(x[row], (5, 1)), codebook.decode(tries))
        assert best[row].tolist() == tries[errors.argmin()].tolist()
        np.testing.assert_array_equal(errors, last_errors(x[row : row + 1], codebook, codes[row, :2])[0])
