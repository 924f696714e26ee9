import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.quantize.base import quantization_error
from semid.quantize.hysteresis import keep_codes
from semid.quantize.rkmeans import RkmeansCodebook

LINE = RkmeansCodebook((np.array([[0], [10], [12]], np.float32), np.array([[0], [1]], np.float32)))


def test_an_old_code_stays_up_to_the_tolerance():
    """x = 11.5: best 10 + 1 with error .25; 12 + 0 has .25 too; 12 + 1 has 2.25, nine times as much."""
    x = np.array([[11.5]] * 5, np.float32)
    old = np.array([[1, 1], [2, 0], [2, 1], [2, 1], [0, 0]], np.int32)
    best = LINE.encode(x)[0].tolist()
    just_under, just_over = keep_codes(x, LINE, old, 7.9), keep_codes(x, LINE, old, 8.1)
    assert just_under.codes.tolist() == [[1, 1], [2, 0], best, best, best]
    assert just_over.codes.tolist() == [[1, 1], [2, 0], [2, 1], [2, 1], best]
    assert just_under.kept.tolist() == [True, True, False, False, False]
    np.testing.assert_allclose([0.25, 0.25, 2.25, 2.25, 0.25], just_over.error)
    np.testing.assert_allclose([0.25] * 5, just_over.best_error)


@pytest.mark.parametrize("old", [[3, 0], [0, 2], [-1, 0], [-1, -1]])
def test_codes_that_the_codebook_does_not_have_are_never_kept(old):
    """numpy would read -1 as the last centroid."""
    x = np.array([[13]], np.float32)
    result = keep_codes(x, LINE, np.array([old], np.int32), 1e9)
    assert result.codes.tolist() == LINE.encode(x).tolist()
    assert not result.kept.any()


@pytest.mark.parametrize("levels", [1, 3])
def test_codes_with_another_number_of_levels_are_never_kept(levels):
    result = keep_codes(np.array([[13]], np.float32), LINE, np.zeros((1, levels), np.int32), 1e9)
    assert result.codes.tolist() == [[2, 1]]
    assert not result.kept.any()


@given(st.integers(0, 10**6), st.floats(0, 3))
@settings(max_examples=40, deadline=None)
def test_errors_are_those_of_the_codes_and_never_above_the_tolerance(seed, tolerance):
    rng = np.random.default_rng(seed)
    codebook = RkmeansCodebook(tuple(rng.standard_normal((6, 4)).astype(np.float32) for _ in range(3)))
    x = rng.standard_normal((40, 4)).astype(np.float32)
    old = rng.integers(-1, 7, size=(40, 3)).astype(np.int32)
    old[::2] = codebook.encode(x[::2] + 0.2)
    result = keep_codes(x, codebook, old, tolerance)
    np.testing.assert_array_equal(quantization_error(x, codebook.decode(result.codes)), result.error)
    np.testing.assert_array_equal(codebook.encode(x)[~result.kept], result.codes[~result.kept])
    np.testing.assert_array_equal(old[result.kept], result.codes[result.kept])
    assert (result.error <= (1 + tolerance) * result.best_error).all()
    part = keep_codes(x[7:20], codebook, old[7:20], tolerance)
    np.testing.assert_array_equal(result.codes[7:20], part.codes)


def test_without_tolerance_only_codes_as_good_as_the_best_stay():
    x = np.random.default_rng(0).standard_normal((200, 1)).astype(np.float32) * 9
    old = np.random.default_rng(1).integers(2, size=(200, 2)).astype(np.int32)
    result = keep_codes(x, LINE, old, 0)
    assert 0 < result.kept.sum() < 200
    assert (result.error <= result.best_error).all()


def test_arguments_that_do_not_fit_are_refused():
    x, old = np.zeros((3, 1), np.float32), np.zeros((2, 2), np.int32)
    for rows, tolerance in ((3, 0.1), (2, -0.1), (2, np.nan)):
        with pytest.raises(ValueError, match=r"vectors with 2 old codes, tolerance"):
            keep_codes(x[:rows], LINE, old, tolerance)


def test_no_rows_are_no_error():
    assert keep_codes(np.zeros((0, 1), np.float32), LINE, np.zeros((0, 2), np.int32), 0.1).codes.shape == (0, 2)
