"""Statistics of drift: known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from semid.measure.drift import (
    perplexity,
    psi,
    psi_without_drift,
    uniform_collision_rate,
)


def test_perplexity_known_answers():
    """Equal use of k codes has perplexity k; one single code has 1; no rows at all is no number."""
    assert perplexity(np.array([5, 5, 5, 5, 0])) == pytest.approx(4)
    assert perplexity(np.array([0, 9, 0])) == pytest.approx(1)
    assert math.isnan(perplexity(np.array([0, 0])))


def test_psi_known_answer():
    """(p - q) ln(p / q) by hand, with half a count added to each code: p = (.75, .25), q = (.25, .75)."""
    a, b = np.array([7, 2]), np.array([2, 7])
    assert psi(a, b) == pytest.approx(2 * 0.5 * math.log(3))


def test_psi_of_equal_distributions_matches_its_expectation():
    """Two samples of one distribution of 128 codes: the mean PSI is (K-1)(1/n + 1/m), within 10 %."""
    rng = np.random.default_rng(7)
    p = rng.dirichlet(np.full(128, 20.0))
    draws = [(rng.multinomial(5000, p), rng.multinomial(20000, p)) for _ in range(60)]
    expected = psi_without_drift(*draws[0])
    assert expected == pytest.approx(127 * (1 / 5000 + 1 / 20000))
    assert np.mean([psi(a, b) for a, b in draws]) == pytest.approx(expected, rel=0.1)


def test_uniform_collision_rate_known_answers():
    """One bucket: all but one row collide. Huge capacity: about n / 2M. Simulated in between."""
    assert uniform_collision_rate(10, 1) == pytest.approx(0.9)
    assert uniform_collision_rate(1000, 256**4) == pytest.approx(999 / 2 / 256**4, rel=1e-3)
    rng = np.random.default_rng(3)
    seen = [1 - len(np.unique(rng.integers(0, 512, 700))) / 700 for _ in range(50)]
    assert uniform_collision_rate(700, 512) == pytest.approx(np.mean(seen), abs=0.01)
    assert math.isnan(uniform_collision_rate(0, 8))
