import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.quantize.kmeans import KmeansParams
from semid.quantize.rkmeans import RkmeansCodebook, RkmeansQuantizer

RNG = np.random.default_rng(0)


def test_codes_and_reconstruction_of_a_codebook_written_by_hand():
    coarse = np.array([[0, 0], [10, 0]], np.float32)
    fine = np.array([[0, 0], [1, 0], [0, 1]], np.float32)
    codebook = RkmeansCodebook((coarse, fine))
    x = np.array([[10.9, 0.1], [0.1, 0.8], [9, 0]], np.float32)
    codes = codebook.encode(x)
    np.testing.assert_array_equal([[1, 1], [0, 2], [1, 0]], codes)
    np.testing.assert_array_equal([[11, 0], [0, 1], [10, 0]], codebook.decode(codes))


def test_a_prefix_is_the_code_of_the_shorter_codebook(clustered):
    """Greedy: deeper levels never change the levels above."""
    x = clustered()
    codebook = RkmeansQuantizer((8, 16, 4)).fit(x, RNG)
    short = RkmeansCodebook(codebook.centroids[:2])
    np.testing.assert_array_equal(codebook.encode(x)[:, :2], short.encode(x))


def test_each_level_lowers_the_error(clustered):
    steps = []
    RkmeansQuantizer((8, 8, 8), progress=lambda level, metrics: steps.append((level, metrics["error"]))).fit(
        clustered(), RNG
    )
    assert [level for level, _ in steps] == [1, 2, 3]
    assert 1 > steps[0][1] > steps[1][1] > steps[2][1] > 0


@given(st.integers(0, 10**6), st.integers(1, 199))
@settings(max_examples=20, deadline=None)
def test_a_row_has_the_same_codes_in_any_batch(seed, cut):
    rng = np.random.default_rng(seed)
    codebook = RkmeansCodebook(tuple(rng.standard_normal((7, 40)).astype(np.float32) for _ in range(3)))
    x = rng.standard_normal((200, 40)).astype(np.float32)
    x[::2] = codebook.decode(rng.integers(7, size=(100, 3)).astype(np.int32))  # residuals that meet in ties
    order = rng.permutation(200)
    whole = codebook.encode(x)
    np.testing.assert_array_equal(whole[order[:cut]], codebook.encode(x[order[:cut]]))


def test_a_warm_start_keeps_the_codes_and_a_cold_start_on_other_data_does_not(clustered):
    x, arrivals = clustered(n=1000), clustered(n=50, seed=9)
    first = RkmeansQuantizer((16, 8)).fit(x, RNG)
    grown = np.concatenate([x, arrivals])
    warm = RkmeansQuantizer((16, 8)).fit(grown, RNG, warm_start=first)
    cold = RkmeansQuantizer((16, 8)).fit(grown, RNG)
    same = [float((c.encode(x)[:, 0] == first.encode(x)[:, 0]).mean()) for c in (warm, cold)]
    assert same[0] > 0.9 > same[1]


def test_a_warm_start_takes_one_step_unless_told_otherwise(clustered):
    """Second implementation: the means of the rows that the old codes name, level by level."""
    x = clustered(n=600, groups=40)
    grown = np.concatenate([x, clustered(n=100, groups=40, seed=3)])
    old = RkmeansQuantizer((8, 8)).fit(x, RNG)
    residual, expected = grown.copy(), []
    for centroids in old.centroids:
        code = np.square(residual[:, None] - centroids).sum(axis=2).argmin(axis=1)
        expected.append(np.array([residual[code == c].mean(axis=0) for c in range(8)]))
        code = np.square(residual[:, None] - expected[-1]).sum(axis=2).argmin(axis=1)
        residual = residual - expected[-1][code].astype(np.float32)
    one, five = (RkmeansQuantizer((8, 8), KmeansParams(warm_iterations=n)).fit(grown, RNG, old) for n in (1, 5))
    for level in range(2):
        np.testing.assert_allclose(expected[level], one.centroids[level], atol=1e-5)
    assert np.abs(one.centroids[0] - five.centroids[0]).max() > 0.01
    assert RkmeansQuantizer((8, 8)).fit(grown, RNG, old).centroids[1].tobytes() == one.centroids[1].tobytes()


def test_a_warm_start_of_another_shape_is_refused(clustered):
    first = RkmeansQuantizer((4, 4)).fit(clustered(), RNG)
    with pytest.raises(ValueError, match=r"cannot start .*\(4, 8\).* from .*\(4, 4\)"):
        RkmeansQuantizer((4, 8)).fit(clustered(), RNG, warm_start=first)


def test_a_nan_never_gets_a_code(clustered):
    x = clustered()
    codebook = RkmeansQuantizer((4, 4)).fit(x, RNG)
    x[17, 3] = np.nan
    with pytest.raises(ValueError, match=r"first rows: \[17\]"):
        codebook.encode(x)
    with pytest.raises(ValueError, match=r"first rows: \[17\]"):
        RkmeansQuantizer((4, 4)).fit(x, RNG)


def test_as_many_distinct_rows_as_codes_are_reproduced_exactly(clustered):
    x = clustered(n=16)
    codebook = RkmeansQuantizer((16, 4)).fit(x, RNG)
    np.testing.assert_allclose(x, codebook.decode(codebook.encode(x)), atol=1e-6)
    assert len(np.unique(codebook.encode(x)[:, 0])) == 16
