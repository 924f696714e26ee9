import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.quantize.margins import in_code_space, margins
from semid.quantize.rkmeans import RkmeansCodebook
from semid.quantize.rqvae import RqvaeCodebook, SkipMlp


def random_rkmeans(rng, sizes=(5, 4, 3), d=6):
    return RkmeansCodebook(tuple(rng.standard_normal((k, d)).astype(np.float32) for k in sizes))


def random_rqvae(rng, sizes=(5, 4, 3), d=6, latent=4):
    def network(a, b):
        draw = lambda *shape: rng.standard_normal(shape).astype(np.float32)  # noqa: E731
        return SkipMlp(draw(a, b), (draw(a, 7), draw(7, b)), (draw(7), draw(b)))

    centroids = tuple(rng.standard_normal((k, latent)).astype(np.float32) for k in sizes)
    return RqvaeCodebook(network(d, latent), centroids, network(latent, d))


def brute_force(codebook, vector, codes):
    """Distances, runner-ups and their distances of one latent vector, in plain Python."""
    residual, rows = [float(v) for v in vector], []
    for level, code in zip(codebook.centroids, codes, strict=True):
        far = [sum((a - float(b)) ** 2 for a, b in zip(residual, c, strict=True)) ** 0.5 for c in level]
        others = sorted((distance, i) for i, distance in enumerate(far) if i != code)
        rows.append((far[code], others[0][1], others[0][0]))
        residual = [a - float(b) for a, b in zip(residual, level[code], strict=True)]
    return rows


@pytest.mark.parametrize("make", [random_rkmeans, random_rqvae])
@given(seed=st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_equal_to_brute_force_for_any_codes(make, seed):
    """Both kinds; the codes need not be the nearest ones."""
    rng = np.random.default_rng(seed)
    codebook = make(rng)
    x = rng.standard_normal((3, codebook.dim)).astype(np.float32)
    codes = np.stack([rng.integers(size, size=3) for size in codebook.sizes], axis=1).astype(np.int32)
    found = margins(codebook, x, codes)
    for row, vector in enumerate(in_code_space(codebook, x)):
        distance, runner_up, second = zip(*brute_force(codebook, vector, codes[row]), strict=True)
        np.testing.assert_allclose(found.distance[row], distance, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.runner_up_distance[row], second, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(found.runner_up[row], runner_up)


@pytest.mark.parametrize("make", [random_rkmeans, random_rqvae])
def test_codes_that_encode_gives_have_no_negative_margin(make):
    """Greedy encoding takes the nearest centroid, so that the runner-up is never nearer; other codes may be worse."""
    rng = np.random.default_rng(1)
    codebook = make(rng)
    x = rng.standard_normal((50, codebook.dim)).astype(np.float32)
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


def test_vectors_and_codes_are_not_changed():
    """The residual is a copy."""
    rng = np.random.default_rng(2)
    codebook = random_rkmeans(rng)
    x = rng.standard_normal((2, 6)).astype(np.float32)
    before = x.copy()
    margins(codebook, x, codebook.encode(x))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    ("x", "codes"),
    [(np.full((1, 6), np.nan), [[0, 0, 0]]), (np.zeros((1, 5)), [[0, 0, 0]]), (np.zeros((1, 6)), [[9, 0, 0]])],
)
def test_what_cannot_be_measured_is_refused(x, codes):
    """A NaN, another width, a code outside its level."""
    with pytest.raises(ValueError, match=r"vectors|rows have codes"):
        margins(random_rkmeans(np.random.default_rng(0)), x, np.array(codes, np.int32))
