import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.quantize.holdout import held_out

X = np.random.default_rng(0).standard_normal((4000, 6)).astype(np.float32)


@given(st.integers(0, 10**6), st.floats(0.05, 0.9))  # below, 500 rows may hold none out: then one is taken
@settings(max_examples=20, deadline=None)
def test_whether_a_row_is_held_out_depends_on_that_row_alone(seed, share):
    """Whatever else is there and in whatever order."""
    chosen = np.random.default_rng(seed).permutation(len(X))[:500]
    np.testing.assert_array_equal(held_out(X, share, "a")[chosen], held_out(X[chosen], share, "a"))


def test_the_share_is_held_out_and_another_salt_holds_out_others():
    a, b = (held_out(X, 0.2, salt) for salt in "ab")
    assert abs(a.mean() - 0.2) < 0.03
    assert abs((a & b).mean() - 0.04) < 0.015


def test_equal_rows_go_together():
    x = np.repeat(X[:50], 3, axis=0)
    out = held_out(x, 0.5, "a").reshape(50, 3)
    assert (out == out[:, :1]).all()


def test_one_row_is_held_out_at_least():
    assert held_out(X[:10], 1e-9, "a").sum() == 1
    assert held_out(X[:0], 0.5, "a").shape == (0,)
