"""Agreement with a category tree, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from semid.measure.agreement import category_agreement, purity
from semid.measure.codes import nmi, prefix_labels

PATHS = [["a", "x"], ["a", "x"], ["a", "y"], ["b"], ["b", "z"], None, []]
CODES = np.array([[0, 0], [0, 0], [0, 1], [1, 0], [1, 0], [0, 0], [1, 1]], np.int32)


def test_purity_of_six_items():
    """Bucket 0 has classes p p q, bucket 1 has q q p: two of three are the most frequent one in each."""
    assert purity([0, 0, 0, 1, 1, 1], list("ppqqqp")) == pytest.approx(4 / 6)


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_purity_and_nmi_are_those_of_scikit_learn(seed):
    """The largest cell of each row of the contingency matrix, and the library's own score."""
    labels, classes = np.random.default_rng(seed).integers(6, size=(2, 80))
    assert purity(labels, classes) == contingency_matrix(labels, classes).max(axis=1).sum() / 80
    assert nmi(labels, classes) == pytest.approx(normalized_mutual_info_score(labels, classes))


def test_a_depth_and_a_cut_of_the_path_each():
    """Items without a path are left out; a short path is taken whole; depth 1 is the first name exactly."""
    found = category_agreement(CODES, PATHS, 3, np.random.default_rng(0))
    assert [(one.depth, one.names) for one in found] == [(1, 1), (2, 1), (1, 2), (2, 2)]
    assert (found[0].nmi, found[0].purity) == (pytest.approx(1), 1)
    # cut at two names: x x y | b, b>z by the first code, so 2 + 1 of 5 are the most frequent of their bucket
    assert found[2].purity == pytest.approx(3 / 5)
    assert found[3].nmi == pytest.approx(normalized_mutual_info_score(prefix_labels(CODES[:5], 2), [0, 0, 1, 2, 3]))


def test_shuffled_categories_agree_by_chance_only():
    """Codes that are the category agree fully; shuffled, as two independent labellings of that size do."""
    rng = np.random.default_rng(3)
    labels = rng.integers(20, size=4000).astype(np.int32)
    found = category_agreement(labels[:, None], [[str(label)] for label in labels], 1, rng)[0]
    assert (found.nmi, found.purity) == (pytest.approx(1), 1)
    by_chance = normalized_mutual_info_score(labels, rng.permutation(labels))
    assert found.nmi_shuffled == pytest.approx(by_chance, rel=0.2)
    assert found.purity_shuffled < 0.12


def test_no_category_gives_nothing():
    assert category_agreement(CODES[:2], [None, []], 3, np.random.default_rng(0)) == []
