import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from semid.measure.ranking import auc, auc_difference, log_loss, mean


def rows(seed, n=200):
    rng = np.random.default_rng(seed)
    return rng.integers(6, size=n) / 5, rng.random(n) < 0.3


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_area_and_loss_are_those_of_scikit_learn(seed):
    """With scores of which many are equal."""
    scores, clicked = rows(seed)
    assert auc(scores, clicked).value == pytest.approx(metrics.roc_auc_score(clicked, scores))
    expected = metrics.log_loss(clicked, 1 / (1 + np.exp(-scores)))
    assert mean(log_loss(scores, clicked)).value == pytest.approx(expected)


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


def test_a_mean_has_the_normal_interval():
    estimate = mean(np.array([0.0, 2.0] * 50))
    assert estimate.value == 1
    assert estimate.high - 1 == pytest.approx(1.96 * np.sqrt(100 / 99 / 100), rel=1e-3)
    assert 1 - estimate.low == pytest.approx(estimate.high - 1)


def test_loss_of_huge_odds_is_finite():
    assert log_loss(np.array([1e3, -1e3]), np.array([False, False])).tolist() == [1e3, 0]


def test_one_clicked_row_has_no_interval():
    with pytest.raises(ValueError, match="1 clicked and 2 other rows"):
        auc(np.array([1.0, 2, 3]), np.array([True, False, False]))
