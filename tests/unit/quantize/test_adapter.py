import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes

from semid.quantize.adapter import mean_cosine, procrustes, ridge

RNG = np.random.default_rng(0)


def rotation(d: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(5).standard_normal((d, d)))[0].astype(np.float32)


def vectors(n: int = 300, d: int = 8, unit: bool = True) -> np.ndarray:
    x = np.random.default_rng(1).standard_normal((n, d)) * np.linspace(2, 0.5, d) + 0.3
    return (x / np.linalg.norm(x, axis=1, keepdims=True) if unit else x).astype(np.float32)


@pytest.mark.parametrize("fit", [procrustes, lambda new, old: ridge(new, old, 1e-6)])
def test_a_rotated_and_shifted_space_is_brought_back(fit):
    """Known answer; the shift is no rotation, so it is the centring that finds it."""
    old = vectors(unit=False)
    new = old @ rotation(8) + np.float32(3)
    np.testing.assert_allclose(old, fit(new, old)(new), atol=1e-3)


def test_procrustes_agrees_with_scipy():
    new, old = vectors(unit=False), vectors(unit=False)[::-1] + RNG.standard_normal((300, 8)).astype(np.float32)
    expected = orthogonal_procrustes(new - new.mean(axis=0), old - old.mean(axis=0))[0]
    np.testing.assert_allclose(expected, procrustes(new, old).matrix, atol=1e-4)


def test_ridge_agrees_with_least_squares_on_augmented_rows():
    """Hoerl and Kennard, 1970: the penalty is least squares with sqrt(alpha) times the identity as further rows."""
    new, old = vectors(unit=False), RNG.standard_normal((300, 3)).astype(np.float32)
    centred = new - new.mean(axis=0)
    alpha = 0.2 * float(np.square(centred).sum()) / 8
    rows = np.concatenate([centred, np.sqrt(alpha) * np.eye(8)])
    targets = np.concatenate([old - old.mean(axis=0), np.zeros((8, 3))])
    expected = centred @ np.linalg.lstsq(rows, targets)[0] + old.mean(axis=0)
    np.testing.assert_allclose(expected, ridge(new, old, 0.2)(new), atol=1e-4)


@pytest.mark.parametrize(("new_width", "old_width"), [(8, 5), (5, 8), (8, 8)])
def test_procrustes_is_semi_orthogonal_between_any_widths(new_width, old_width):
    new, old = RNG.standard_normal((100, new_width)), RNG.standard_normal((100, old_width))
    matrix = procrustes(new.astype(np.float32), old.astype(np.float32)).matrix
    assert matrix.shape == (new_width, old_width)
    small = matrix @ matrix.T if new_width <= old_width else matrix.T @ matrix
    np.testing.assert_allclose(np.eye(min(new_width, old_width)), small, atol=1e-5)


@pytest.mark.parametrize("fit", [procrustes, ridge])
def test_results_are_as_long_as_unit_vectors_where_the_old_ones_are(fit):
    new = RNG.standard_normal((100, 4)).astype(np.float32)
    old = vectors(100)
    np.testing.assert_allclose(np.ones(100), np.linalg.norm(fit(new, old)(new), axis=1), atol=1e-5)
    assert np.linalg.norm(fit(new, 2 * old)(new), axis=1).std() > 0.01


def test_a_row_is_mapped_the_same_in_any_batch():
    new, old = RNG.standard_normal((300, 200)).astype(np.float32), vectors(300, 120)
    adapter = ridge(new, old)
    mapped = adapter(new)
    for row in range(0, 300, 7):
        np.testing.assert_array_equal(mapped[row : row + 1], adapter(new[row : row + 1]))


def test_vectors_that_do_not_pair_are_refused():
    for new, old in ((vectors(3), vectors(4)), (vectors(0), vectors(0))):
        with pytest.raises(ValueError, match=r"are not pairs"):
            procrustes(new, old)
    with pytest.raises(ValueError, match="penalty is positive, got 0"):
        ridge(vectors(), vectors(), 0)


def test_mean_cosine_of_known_angles():
    a = np.array([[2, 0], [1, 1], [0, 0]], np.float32)
    b = np.array([[0, 3], [5, 5], [1, 0]], np.float32)
    assert mean_cosine(a, b) == pytest.approx(1 / 3)
