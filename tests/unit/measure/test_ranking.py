import numpy as np
import pytest

from semid.measure.ranking import auc, auc_difference, log_loss, mean


def rows(seed, n=200):
    rng = np.random.default_rng(seed)
    return rng.integers(6, size=n) / 5, rng.random(n) < 0.3


def test_the_area_is_the_share_of_pairs_in_the_right_order():
    """Equal scores, of which there are many, count half."""
    scores, clicked = rows(0)
    pairs = scores[clicked][:, None] - scores[~clicked]
    assert auc(scores, clicked).value == pytest.approx(((pairs > 0) + (pairs == 0) / 2).mean())


def test_the_interval_is_that_of_the_rows_shares_of_pairs():
    """DeLong: the variance of each row's share of pairs in the right order, over rows of its kind, added up."""
    scores, clicked = rows(0)
    noise = np.random.default_rng(1).standard_normal(len(scores))

    def shares(scores):
        pairs = scores[clicked][:, None] - scores[~clicked]
        right = (pairs > 0) + (pairs == 0) / 2
        return right.mean(axis=1), right.mean(axis=0)

    def half(below, above):
        return 1.96 * np.sqrt(below.var(ddof=1) / len(below) + above.var(ddof=1) / len(above))

    alone, pair = auc(scores, clicked), auc_difference(scores, noise, clicked)
    assert alone.high - alone.value == pytest.approx(half(*shares(scores)), rel=1e-4)
    both = [ours - theirs for ours, theirs in zip(shares(scores), shares(noise), strict=True)]
    assert pair.value == pytest.approx(both[0].mean())
    assert pair.value - pair.low == pytest.approx(half(*both), rel=1e-4)


def test_a_mean_has_the_normal_interval():
    estimate = mean(np.array([0.0, 2.0] * 50))
    assert estimate.value == 1
    assert estimate.high - 1 == pytest.approx(1.96 * np.sqrt(100 / 99 / 100), rel=1e-3)
    assert 1 - estimate.low == pytest.approx(estimate.high - 1)


def test_loss_of_odds_of_three_to_one():
    assert log_loss(np.log([3.0, 3.0]), np.array([True, False])) == pytest.approx(-np.log([0.75, 0.25]))


def test_loss_of_huge_odds_is_finite():
    assert log_loss(np.array([1e3, -1e3]), np.array([False, False])).tolist() == [1e3, 0]


def test_one_clicked_row_has_no_interval():
    with pytest.raises(ValueError, match="1 clicked and 2 other rows"):
        auc(np.array([1.0, 2, 3]), np.array([True, False, False]))
