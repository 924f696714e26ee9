import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.quantize.margins import margins
from semid.quantize.rkmeans import RkmeansCodebook
from tests.codebooks import KINDS, random_codebook


def dot(a, b):
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))


def unit(v):
    length = dot(v, v) ** 0.5
    return [float(x) / length for x in v]


def less(v, p, share):
    return [float(x) - share * float(y) for x, y in zip(v, p, strict=True)]


def compared(codebook, vector, codes):
    """Row and points of each level for one vector, in plain Python, kind by kind."""
    if codebook.kind in ("pq", "opq"):
        if codebook.kind == "opq":
            vector = [dot(vector, column) for column in codebook.rotation.T]
        for points in codebook.centroids:
            yield vector[: points.shape[1]], points
            vector = vector[points.shape[1] :]
    elif codebook.kind == "prq":
        mean, row = unit(codebook.mean), unit(vector)
        row = unit(less(row, mean, dot(row, mean)))
        for centroids, code in zip(codebook.centroids, codes, strict=True):
            points = [unit(c) for c in centroids]
            yield row, points
            row = unit(less(row, points[code], dot(row, points[code])))
    else:
        row = codebook.encoder(vector[None])[0] if codebook.kind == "rqvae" else vector
        for centroids, code in zip(codebook.centroids, codes, strict=True):
            yield row, centroids
            row = less(row, centroids[code], 1)


def brute_force(codebook, vector, codes):
    """Distances, runner-ups and their distances of one vector, in plain Python."""
    for (row, points), code in zip(compared(codebook, vector, codes), codes, strict=True):
        far = [dot(less(row, p, 1), less(row, p, 1)) ** 0.5 for p in points]
        others = sorted((distance, i) for i, distance in enumerate(far) if i != code)
        yield far[code], others[0][1], others[0][0]


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_equal_to_brute_force_for_any_codes(kind, seed):
    """The codes need not be the nearest ones."""
    rng = np.random.default_rng(seed + 1)
    codebook = random_codebook(kind, seed, (5, 4, 3), dim=7)
    x = rng.standard_normal((3, codebook.dim)).astype(np.float32)
    codes = np.stack([rng.integers(size, size=3) for size in codebook.sizes], axis=1).astype(np.int32)
    found = margins(codebook, x, codes)
    for row, vector in enumerate(x):
        distance, runner_up, second = zip(*brute_force(codebook, vector, codes[row]), strict=True)
        np.testing.assert_allclose(found.distance[row], distance, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.runner_up_distance[row], second, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(found.runner_up[row], runner_up)


@pytest.mark.parametrize("kind", KINDS)
def test_codes_that_encode_gives_have_no_negative_margin(kind):
    """Greedy encoding takes the nearest centroid, so that the runner-up is never nearer; other codes may be worse."""
    codebook = random_codebook(kind, 1, (5, 4, 3), dim=7)
    x = np.random.default_rng(2).standard_normal((50, codebook.dim)).astype(np.float32)
    codes = codebook.encode(x)
    assert (margins(codebook, x, codes).relative >= 0).all()
    swapped = codes.copy()
    swapped[:, 0] = margins(codebook, x, codes).runner_up[:, 0]
    assert (margins(codebook, x, swapped).relative[:, 0] <= 0).all()


def test_known_margins():
    """Distance 1 against 3 is two thirds clear; equal centroids are a tie; a lone code has no rival."""
    level = np.array([[0, 0], [4, 0]], np.float32)
    twins, lone = np.zeros((2, 2), np.float32), np.zeros((1, 2), np.float32)
    codebook = RkmeansCodebook((level, twins, lone))
    found = margins(codebook, np.array([[1, 0], [0, 0]], np.float32), np.zeros((2, 3), np.int32))
    np.testing.assert_allclose(found.relative, [[2 / 3, 0, 1], [1, 0, 1]])
    np.testing.assert_array_equal(found.runner_up, [[1, 1, -1], [1, 1, -1]])
    assert np.isinf(found.runner_up_distance[:, 2]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_and_codes_are_not_changed(kind):
    """The residual is a copy."""
    codebook = random_codebook(kind, 2)
    x = np.random.default_rng(2).standard_normal((2, 6)).astype(np.float32)
    before = x.copy()
    margins(codebook, x, codebook.encode(x))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    ("x", "codes"),
    [(np.full((1, 6), np.nan), [[0, 0]]), (np.zeros((1, 5)), [[0, 0]]), (np.zeros((1, 6)), [[9, 0]])],
)
def test_what_cannot_be_measured_is_refused(x, codes):
    """A NaN, another width, a code outside its level."""
    with pytest.raises(ValueError, match=r"vectors|rows have codes"):
        margins(random_codebook("rkmeans", 0), x, np.array(codes, np.int32))
