import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.quantize.exact import exact_matmul, exact_row_products

seeds = st.integers(0, 2**32 - 1)


def operands(seed: int, inner: int = 384) -> tuple[np.ndarray, np.ndarray]:
    """Return (40, inner) and (inner, 9) with entries of very different size."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((40, inner)) * 10.0 ** rng.integers(-3, 4, size=(40, 1))
    return a.astype(np.float32), rng.standard_normal((inner, 9)).astype(np.float32)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_the_order_of_summation_does_not_matter(seed):
    """Every BLAS, thread count and batch is some order of summation."""
    a, b = operands(seed)
    order = np.random.default_rng(seed).permutation(len(b))
    np.testing.assert_array_equal(exact_matmul(a, b), exact_matmul(a[:, order], b[order]))
    assert (a.astype(np.float64) @ b != a[:, order].astype(np.float64) @ b[order]).any()  # float64 alone is not enough


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_row_has_the_same_product_in_any_batch(seed):
    a, b = operands(seed)
    np.testing.assert_array_equal(exact_matmul(a, b), np.concatenate([exact_matmul(row[None], b) for row in a]))


def test_the_product_is_about_as_accurate_as_float32():
    a, b = operands(5)
    bound = 2.0**-21 * np.sqrt(len(b)) * np.abs(a).max(axis=1, keepdims=True) * np.abs(b).max()
    assert (np.abs(exact_matmul(a, b) - a.astype(np.float64) @ b) < bound).all()


def test_small_integers_and_zero_rows_are_exact():
    a, b = np.array([[1, -2, 3], [0, 0, 0]]), np.array([[4, 0], [5, 0], [6, 0]])
    np.testing.assert_array_equal(a @ b, exact_matmul(a.astype(np.float32), b.astype(np.float32)))


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_products_of_rows_are_those_of_the_matrices(seed):
    """The diagonal of a b', bit for bit, in any order of summation."""
    a, b = operands(seed)
    b = np.repeat(b.T, 5, axis=0)[:40]
    found, order = exact_row_products(a, b), np.random.default_rng(seed).permutation(a.shape[1])
    np.testing.assert_array_equal(np.diag(exact_matmul(a, b.T)), found)
    np.testing.assert_array_equal(exact_row_products(a[:, order], b[:, order]), found)
    np.testing.assert_array_equal(exact_row_products(a[7:8], b[7:8]), found[7:8])
