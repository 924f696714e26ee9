"""Statistics of drift on random counts: bounds, symmetry, a second implementation; warnings in a row counted again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from semid.measure.drift import js_distance, perplexity, psi, used_codes
from semid.measure.streak import NIGHTS, statuses_of, streaks
from tests.unit.measure.test_streak import NAMES, checks

counts = st.lists(st.integers(0, 500), min_size=2, max_size=40).map(np.array)
pairs = st.integers(2, 30).flatmap(
    lambda k: st.tuples(*[st.lists(st.integers(0, 500), min_size=k, max_size=k).map(np.array)] * 2)
)
nights = st.lists(
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["pass", "warn", "block", "info"])), min_size=1, max_size=6
)


@given(counts)
def test_perplexity_lies_between_one_and_used_codes(x):
    """No distribution has more effective codes than it uses."""
    if x.sum() > 0:
        assert 1 - 1e-9 <= perplexity(x) <= used_codes(x) + 1e-9


@given(pairs)
def test_psi_is_symmetric_and_not_negative(pair):
    """PSI does not depend on which side is the reference, and equal counts have none."""
    a, b = pair
    if a.sum() and b.sum():
        assert psi(a, b) == pytest.approx(psi(b, a))
        assert psi(a, b) >= 0
        assert psi(a, a) == 0
    else:
        assert math.isnan(psi(a, b))


@given(pairs)
def test_js_distance_agrees_with_scipy(pair):
    """The same number as scipy's jensenshannon in base 2."""
    a, b = pair
    if a.sum() and b.sum():
        assert js_distance(a, b) == pytest.approx(float(np.nan_to_num(jensenshannon(a, b, base=2))), abs=1e-6)
    else:
        assert math.isnan(js_distance(a, b))


@given(nights)
@settings(max_examples=100, deadline=None)
def test_the_longest_streak_is_the_largest_n_of_which_all_nights_warn(history: list[dict]) -> None:
    """Second implementation: the largest n such that one metric warned on each of the last n nights."""
    found = streaks(checks(history[0]), history[1:])
    lengths = [n for n in range(len(history) + 1) for name in NAMES if all(h.get(name) == "warn" for h in history[:n])]
    assert found.value == max(lengths)
    assert (found.status == "warn") == (found.value >= NIGHTS)
    assert statuses_of(checks(history[0])) == history[0]
