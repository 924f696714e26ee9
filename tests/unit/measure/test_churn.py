import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.measure.churn import churn, churn_of_counts, common_prefix

OLD = np.array([[1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 2, 3]], np.int32)
NEW = np.array([[1, 2, 3], [1, 2, 0], [1, 0, 3], [0, 2, 3]], np.int32)


def test_a_changed_code_changes_every_deeper_prefix():
    assert common_prefix(OLD, NEW).tolist() == [3, 2, 1, 0]
    assert churn(OLD, NEW) == [0.25, 0.5, 0.75]


def test_levels_of_one_side_alone_do_not_count():
    assert churn(OLD, NEW[:, :2]) == churn(OLD[:, :2], NEW) == [0.25, 0.5]


def test_without_items_there_is_no_evidence():
    assert all(math.isnan(share) for share in churn(OLD[:0], NEW[:0]))
    assert len(churn(OLD[:0], NEW[:0])) == 3


def test_sides_of_different_length_are_refused():
    with pytest.raises(ValueError, match="4 old and 3 new codes"):
        churn(OLD, NEW[:3])


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_churn_agrees_with_comparing_tuples_one_by_one(seed):
    rng = np.random.default_rng(seed)
    old, new = (rng.integers(3, size=(30, 4)).astype(np.int32) for _ in range(2))
    expected = [sum(tuple(a[:d]) != tuple(b[:d]) for a, b in zip(old, new, strict=True)) / 30 for d in range(1, 5)]
    assert churn(old, new) == pytest.approx(expected)
    counts = np.bincount(common_prefix(old, new), minlength=5)
    assert churn_of_counts(counts) == pytest.approx(expected)
