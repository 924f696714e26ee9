import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.quantize.prq import PrqCodebook, PrqQuantizer
from tests.codebooks import random_codebook

RNG = np.random.default_rng(0)
SIZES = (7, 6, 5)


def rebuilt(codebook, codes):
    """The formula of `prq` in plain Python, for one row."""
    row = [0.0] * codebook.dim
    chosen = [level[code] for level, code in zip(codebook.centroids, codes, strict=True)]
    for c in [*reversed(chosen), codebook.mean]:
        squared = math.fsum(float(v) ** 2 for v in c)
        share = math.fsum(float(v) * r for v, r in zip(c, row, strict=True)) / squared
        row = [float(v) + math.sqrt(1 - squared) * (r - share * float(v)) for v, r in zip(c, row, strict=True)]
    return [float(codebook.scale[0]) * value for value in row]


def test_codes_and_reconstruction_of_a_codebook_written_by_hand():
    """Mean along x; across it (3, 4) has cosine .8 with y and nothing else; the rest lies along z."""
    mean, first, second = [[0.6, 0, 0]], [[0, 0.8, 0], [0, 0, 0.1]], [[0, 0, 0.5], [0, 0, -0.5]]
    codebook = PrqCodebook(np.float32([10]), np.float32(mean)[0], (np.float32(first), np.float32(second)))
    x = np.float32([[7, 4, 3], [7, 4, -3]])
    np.testing.assert_array_equal([[0, 0], [0, 1]], codebook.encode(x))
    # 10 (.6, .8 (.8), .8 (.6 (.5)))
    np.testing.assert_allclose([[6, 6.4, 2.4], [6, 6.4, -2.4]], codebook.decode(codebook.encode(x)), rtol=1e-6)


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_reconstructions_are_those_of_the_formula(seed):
    codebook = random_codebook("prq", seed, SIZES, dim=9)
    codes = np.random.default_rng(seed).integers(5, size=(6, 3)).astype(np.int32)
    np.testing.assert_allclose([rebuilt(codebook, row) for row in codes], codebook.decode(codes), atol=1e-5)


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_a_reconstruction_with_the_true_cosines_is_the_vector(seed):
    """Known answer: as many levels as dimensions leave nothing, and undoing exact projections is exact."""
    rng = np.random.default_rng(seed + 1)
    codebook, x = random_codebook("prq", seed, (1, 1, 1), dim=4), rng.standard_normal((1, 4)).astype(np.float32)
    codes = np.zeros((1, 3), np.int32)
    points = [p[0] for _, p in codebook.comparisons(x, codes)]
    seen = [rows[0] for rows, _ in codebook.comparisons(x, codes)]
    length, direction = np.linalg.norm(x), codebook.mean / np.linalg.norm(codebook.mean)
    cosines = [float(row @ point) for row, point in zip(seen, points, strict=True)]
    # the mean of one row: cosines may be negative, and then the point is on the other side
    levels = tuple((cosine * point[None]).astype(np.float32) for cosine, point in zip(cosines, points, strict=True))
    exact = PrqCodebook(np.float32([length]), (float(x[0] @ direction) / length * direction).astype(np.float32), levels)
    left = math.prod(math.sqrt(max(1 - c**2, 0)) for c in cosines) * length
    assert np.linalg.norm(x - exact.decode(codes)) <= left + 1e-3 * length


def test_what_is_left_has_length_1_and_lies_across_the_points_above():
    codebook = random_codebook("prq", 3, SIZES, dim=9)
    x = np.random.default_rng(4).standard_normal((50, 9)).astype(np.float32)
    codes = codebook.encode(x)
    above = np.broadcast_to(codebook.mean, x.shape)
    for (rows, points), code in zip(codebook.comparisons(x, codes), codes.T, strict=True):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
        np.testing.assert_allclose((rows * above).sum(axis=1), 0, atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, atol=1e-6)
        above = points[code]


def test_the_length_of_a_vector_and_its_part_along_the_mean_change_no_code():
    codebook = random_codebook("prq", 5, SIZES, dim=9)
    x = np.random.default_rng(6).standard_normal((200, 9)).astype(np.float32)
    codes = codebook.encode(x)
    np.testing.assert_array_equal(codes, codebook.encode(7 * x))
    np.testing.assert_array_equal(codes, codebook.encode(x + 2 * codebook.mean))


def test_a_prefix_is_the_code_of_the_shorter_codebook(clustered):
    """Greedy: deeper levels never change the levels above."""
    x = clustered()
    codebook = PrqQuantizer((8, 16, 4)).fit(x, RNG)
    short = PrqCodebook(codebook.scale, codebook.mean, codebook.centroids[:2])
    np.testing.assert_array_equal(codebook.encode(x)[:, :2], short.encode(x))


def test_a_row_on_a_point_leaves_nothing_and_not_its_rounding():
    """What projecting leaves of it is 1e-8 long; brought to length 1 it would be a random direction."""
    codebook = random_codebook("prq", 8, (1, 4), dim=6)
    mean, point = codebook.mean / np.linalg.norm(codebook.mean), codebook.centroids[0][0]
    across = point - (point @ mean) * mean
    lone = PrqCodebook(codebook.scale, codebook.mean, (across[None], codebook.centroids[1]))
    _, (rows, _) = lone.comparisons((across + mean)[None], np.zeros((1, 2), np.int32))
    np.testing.assert_array_equal(rows, np.zeros((1, 6)))
