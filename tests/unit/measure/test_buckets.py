"""Bucket statistics from the sizes alone, against the same counted item by item."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.measure.buckets import BucketSizes
from semid.measure.drift import gini


def test_five_items_in_three_buckets():
    """Buckets of 3, 1 and 1 items: 3 IDs for 5 items, two items alone."""
    sizes = BucketSizes(np.array([1, 3]), np.array([2, 1]))
    assert (sizes.items, sizes.distinct, sizes.largest) == (5, 3, 3)
    assert sizes.collision_rate == pytest.approx(2 / 5)
    assert sizes.singleton_share == pytest.approx(2 / 5)
    assert sizes.gini == pytest.approx(4 / 15)  # (-2 + 0 + 2 * 3) / (3 * 5)


@settings(deadline=None)
@given(st.lists(st.integers(0, 15), min_size=1, max_size=80))
def test_statistics_are_those_of_the_items(codes):
    """Counts of the items one by one, in a shuffled order of sizes, and the Gini index of all buckets one by one."""
    counts = Counter(codes)
    histogram = list(Counter(counts.values()).items())
    Random(len(codes)).shuffle(histogram)
    sizes = BucketSizes(*np.array(histogram).T)
    assert sizes.items == len(codes)
    assert sizes.collision_rate == pytest.approx(1 - len(set(codes)) / len(codes))
    assert sizes.singleton_share == pytest.approx(sum(codes.count(code) == 1 for code in codes) / len(codes))
    assert sizes.largest == max(codes.count(code) for code in codes)
    assert sizes.gini == pytest.approx(gini(np.array(list(counts.values()))))
