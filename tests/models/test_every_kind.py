"""What every kind of codebook and quantizer promises, whatever its method."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.quantize.align import permuted
from semid.quantize.base import quantization_error
from semid.quantize.codebook import to_bytes
from semid.quantize.quantizers import RECIPES, quantizer
from tests.codebooks import KINDS, random_codebook

RNG = np.random.default_rng(0)
NUMPY = list(RECIPES)
"""Kinds that train in a moment; training of `rqvae` has files of its own."""


def sizes_of(kind, *sizes):
    return sizes[:1] if kind == "vq" else sizes


def error(codebook, x):
    return float(quantization_error(x, codebook.decode(codebook.encode(x))).mean())


@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(0, 10**6), st.integers(1, 199))
@settings(max_examples=15, deadline=None)
def test_codes_and_reconstruction_of_a_row_are_the_same_in_any_batch(kind, seed, cut):
    """Bit for bit, also where rows lie on reconstructions, whose residuals meet in ties."""
    rng = np.random.default_rng(seed)
    codebook = random_codebook(kind, seed, (7, 6, 5), dim=41)
    x = rng.standard_normal((200, 41)).astype(np.float32)
    x[::2] = codebook.decode(np.stack([rng.integers(k, size=100) for k in codebook.sizes], axis=1).astype(np.int32))
    order = rng.permutation(200)[:cut]
    codes = codebook.encode(x)
    np.testing.assert_array_equal(codes[order], codebook.encode(x[order]))
    np.testing.assert_array_equal(codebook.decode(codes)[order], codebook.decode(codes[order]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_code_is_the_nearest_point_that_its_level_compares(kind):
    """Second implementation of the choice: all distances in float64."""
    codebook = random_codebook(kind, 4, (7, 6, 5), dim=9)
    x = np.random.default_rng(4).standard_normal((80, 9)).astype(np.float32)
    codes = codebook.encode(x)
    for level, (rows, points) in enumerate(codebook.comparisons(x, codes)):
        distances = np.square(rows[:, None].astype(np.float64) - points[None]).sum(axis=2)
        np.testing.assert_array_equal(distances.argmin(axis=1), codes[:, level])


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_level_compares_does_not_depend_on_deeper_codes(kind):
    codebook = random_codebook(kind, 5, (7, 6, 5), dim=9)
    x = np.random.default_rng(5).standard_normal((20, 9)).astype(np.float32)
    codes = codebook.encode(x)
    for level, (rows, points) in enumerate(codebook.comparisons(x, codes)):
        unwritten = codes.copy()
        unwritten[:, level:] = 0
        seen = list(codebook.comparisons(x, unwritten))[level]
        np.testing.assert_array_equal(rows, seen[0])
        np.testing.assert_array_equal(points, seen[1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", [-1, 5])
def test_a_code_outside_its_level_is_not_decoded(kind, code):
    """numpy would read -1 as the last centroid."""
    codebook = random_codebook(kind, 0)
    codes = np.zeros((2, len(codebook.sizes)), np.int32)
    codes[1, 0] = code
    with pytest.raises(ValueError, match=r"1 rows have codes outside .* first rows: \[1\]"):
        codebook.decode(codes)


@pytest.mark.parametrize("kind", KINDS)
def test_only_finite_vectors_of_its_width_are_encoded(kind):
    codebook = random_codebook(kind, 0)
    with pytest.raises(ValueError, match="expected"):
        codebook.encode(np.zeros((2, 7), np.float32))
    with pytest.raises(ValueError, match=r"first rows: \[0\]"):
        codebook.encode(np.full((1, 6), np.nan, np.float32))
    assert codebook.encode(np.zeros((0, 6), np.float32)).shape == (0, len(codebook.sizes))


@pytest.mark.parametrize("kind", NUMPY)
def test_the_same_rows_give_the_same_bytes_with_any_seed(kind, clustered):
    x, recipe = clustered(), quantizer(kind, sizes_of(kind, 8, 4), {})
    first, second = (recipe.fit(x, np.random.default_rng(seed)) for seed in (0, 1))
    assert to_bytes(first) == to_bytes(second)


@pytest.mark.parametrize("kind", NUMPY)
def test_sizes_and_widths_are_free(kind, clustered):
    """1024, 512 and 256 codes of vectors whose width no number of levels divides."""
    x = clustered(n=1100, d=11, groups=1100)
    quick = {"iterations": 2} | ({"rotations": 2} if kind == "opq" else {})
    codebook = quantizer(kind, sizes_of(kind, 1024, 512, 256), quick).fit(x, RNG)
    codes = codebook.encode(x)
    assert (codebook.sizes, codebook.dim) == (sizes_of(kind, 1024, 512, 256), 11)
    assert len(np.unique(codes[:, 0])) > 900
    assert error(codebook, x) < 0.2 * x.var(axis=0).sum()


@pytest.mark.parametrize("kind", NUMPY)
def test_a_warm_start_keeps_most_codes_and_a_cold_start_does_not(kind, clustered):
    x = clustered(n=1000, groups=60)
    grown = np.concatenate([x, clustered(n=100, groups=60, seed=9)])
    recipe = quantizer(kind, sizes_of(kind, 16, 8), {})
    first = recipe.fit(x, RNG)
    warm, cold = recipe.fit(grown, RNG, first), recipe.fit(grown[::-1], RNG)
    same = [float((c.encode(x) == first.encode(x)).all(axis=1).mean()) for c in (warm, cold)]
    assert same[0] > 0.8 > same[1]
    assert error(warm, grown) < 1.15 * error(cold, grown)


@pytest.mark.parametrize("kind", NUMPY)
def test_a_warm_start_revives_codes_that_nothing_is_near(kind, clustered):
    x = clustered(n=500, groups=40)
    recipe = quantizer(kind, sizes_of(kind, 8, 4), {"warm_iterations": 3})
    first = recipe.fit(x, RNG)
    lost = first.arrays()
    lost["centroids_1"] = lost["centroids_1"].copy()
    lost["centroids_1"][3] = -1e3 * x.mean(axis=0)[: lost["centroids_1"].shape[1]]
    lost["centroids_1"][5] = lost["centroids_1"][3]  # of two equal ones the second is never taken
    damaged = type(first).from_arrays(lost, first.metadata())
    assert len(np.unique(damaged.encode(x)[:, 0])) < 8
    assert len(np.unique(recipe.fit(x, RNG, damaged).encode(x)[:, 0])) == 8


@pytest.mark.parametrize("kind", NUMPY)
def test_what_cannot_be_fitted_is_refused(kind, clustered):
    x, sizes = clustered(n=40), sizes_of(kind, 8, 4)
    recipe = quantizer(kind, sizes, {})
    with pytest.raises(ValueError, match="7 vectors cannot fill 8 codes"):
        recipe.fit(x[:7], RNG)
    with pytest.raises(ValueError, match=r"cannot start .* from a codebook with"):
        recipe.fit(x, RNG, warm_start=recipe.fit(x[:, :9], RNG))
    with pytest.raises(ValueError, match=r"cannot start .* from a codebook with"):
        recipe.fit(x, RNG, warm_start=random_codebook("rqvae", 0, sizes, dim=16))
    x[3, 3] = np.inf
    with pytest.raises(ValueError, match=r"first rows: \[3\]"):
        recipe.fit(x, RNG)


@pytest.mark.parametrize("kind", NUMPY)
@pytest.mark.parametrize("value", [0, 1, 1e-20, 1e15])
def test_rows_that_are_all_alike_are_reproduced(kind, value):
    """One distinct row, also at the origin: nothing divides by zero and every array is finite."""
    x = np.full((12, 5), value, np.float32)
    codebook = quantizer(kind, sizes_of(kind, 4, 3), {}).fit(x, RNG)
    codes = codebook.encode(x)
    assert (codes == codes[0]).all()
    assert all(np.isfinite(array).all() for array in codebook.arrays().values())
    np.testing.assert_allclose(codebook.decode(codes), x, rtol=2e-3, atol=1e-30)


@pytest.mark.parametrize("kind", NUMPY)
def test_each_round_is_reported(kind, clustered):
    """Levels of a residual kind lower what is left, parts of a product each add theirs."""
    steps = []
    quantizer(kind, sizes_of(kind, 8, 8, 8), {}, lambda step, metrics: steps.append((step, metrics))).fit(
        clustered(), RNG
    )
    assert [step for step, _ in steps] == list(range(1, len(steps) + 1))
    assert len(steps) == {"vq": 1, "opq": 50}.get(kind, 3)
    assert all(0 < value < 1 for _, metrics in steps for value in metrics.values())


@pytest.mark.parametrize("kind", KINDS)
def test_permuting_there_and_back_changes_no_byte(kind):
    """Arrays that belong to no code, such as a rotation, survive a renaming."""
    codebook = random_codebook(kind, 1)
    phi = [np.roll(np.arange(size, dtype=np.int32), 1) for size in codebook.sizes]
    back = [np.roll(np.arange(size, dtype=np.int32), -1) for size in codebook.sizes]
    assert to_bytes(permuted(permuted(codebook, phi), back)) == to_bytes(codebook)
