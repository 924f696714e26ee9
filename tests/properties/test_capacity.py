"""Capacity on random errors and codes: the rule, row by row, and a search over all last codes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.quantize.base import quantization_error
from semid.quantize.capacity import best_last, last_errors, within_capacity
from semid.quantize.rkmeans import RkmeansCodebook


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
