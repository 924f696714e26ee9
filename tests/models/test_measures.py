"""Measures of lists and scores against scikit-learn, and their intervals against repeated samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from semid.measure.ranking import auc, auc_difference, log_loss
from semid.measure.retrieval import ndcg


def rows(seed, n=200):
    """Scores of which many are equal."""
    rng = np.random.default_rng(seed)
    return rng.integers(6, size=n) / 5, rng.random(n) < 0.3


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_area_and_loss(seed):
    scores, clicked = rows(seed)
    assert auc(scores, clicked).value == pytest.approx(metrics.roc_auc_score(clicked, scores))
    assert log_loss(scores, clicked).mean() == pytest.approx(metrics.log_loss(clicked, 1 / (1 + np.exp(-scores))))


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_ndcg_of_several_wanted_items(seed):
    """Lists that rank all items, so that both know how many are relevant."""
    hits = np.random.default_rng(seed).random((6, 9)) < 0.4
    hits[:, 0] |= ~hits.any(axis=1)
    places = -np.broadcast_to(np.arange(9), hits.shape)
    assert ndcg(hits, hits.sum(axis=1), 4).mean() == pytest.approx(metrics.ndcg_score(hits, places, k=4))


def test_the_interval_is_as_wide_as_repeated_samples_scatter():
    """120 samples of 200 rows: the mean half-width is 1.96 deviations of their areas."""
    found = [auc(scores + 0.3 * clicked, clicked) for scores, clicked in map(rows, range(120))]
    half = np.mean([(estimate.high - estimate.low) / 2 for estimate in found])
    assert half == pytest.approx(1.96 * np.std([estimate.value for estimate in found]), rel=0.2)


def test_a_paired_difference_is_as_wide_as_repeated_samples_scatter():
    """The second scores are the first with a little noise, so pairs are surer than two separate areas."""
    found, apart = [], []
    for seed in range(120):
        scores, clicked = rows(seed)
        ours = scores + 0.3 * clicked
        theirs = ours + 0.1 * np.random.default_rng(seed + 1_000).standard_normal(len(ours))
        found.append(auc_difference(ours, theirs, clicked))
        apart.append(auc(ours, clicked))
    half = np.mean([(estimate.high - estimate.low) / 2 for estimate in found])
    assert half == pytest.approx(1.96 * np.std([estimate.value for estimate in found]), rel=0.2)
    assert half < 0.5 * np.mean([(estimate.high - estimate.low) / 2 for estimate in apart])
