import numpy as np
import pytest

from semid.quantize.base import check_codes, check_enough, finite_vectors, quantization_error


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_rows_that_are_not_finite_in_float32_are_named(bad):
    x = np.zeros((9, 3))
    x[[2, 7], 1] = bad
    with pytest.raises(ValueError, match=r"2 of 9 vectors are not finite, first rows: \[2, 7\]"):
        finite_vectors(x)


def test_vectors_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"\(9, 3\), expected \(n, 4\)"):
        finite_vectors(np.zeros((9, 3)), dim=4)


@pytest.mark.parametrize("code", [-1, 5])
def test_codes_outside_their_level_are_named(code):
    """numpy would read code -1 as the last centroid."""
    with pytest.raises(ValueError, match=r"1 rows have codes outside \(9, 5\), first rows: \[1\]"):
        check_codes(np.array([[8, 4], [0, code]], np.int32), (9, 5))


def test_fewer_rows_than_codes_are_refused():
    with pytest.raises(ValueError, match="7 vectors cannot fill 8 codes"):
        check_enough(np.zeros((7, 2), np.float32), (4, 8))


def test_quantization_error_is_the_squared_distance_of_each_row():
    x = np.array([[0, 0], [3, 4]], np.float32)
    expected = np.array([0, 25], np.float32)
    np.testing.assert_array_equal(expected, quantization_error(x, np.zeros_like(x)))
