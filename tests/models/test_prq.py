"""Fits of projection residual codebooks."""

import numpy as np
import pytest

from semid.quantize.base import quantization_error
from semid.quantize.prq import PrqCodebook, PrqQuantizer

RNG = np.random.default_rng(0)


def relative(x, reconstruction):
    return quantization_error(x, reconstruction).mean() / x.var(axis=0).sum()


def test_a_centroid_is_as_long_as_its_rows_are_near(clustered):
    """Second implementation: cosines of the rows of each code; mean and scale are those of the rows."""
    x = 3 * clustered(n=800, groups=50) + 1
    codebook = PrqQuantizer((16, 8)).fit(x, RNG)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(codebook.mean, unit.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(codebook.scale, [np.linalg.norm(x, axis=1).mean()], rtol=1e-6)
    codes = codebook.encode(x)
    for level, (rows, points) in enumerate(codebook.comparisons(x, codes)):
        for code in np.unique(codes[:, level]):
            cosine = (rows[codes[:, level] == code] @ points[code]).mean()
            assert np.linalg.norm(codebook.centroids[level][code]) == pytest.approx(cosine, abs=1e-5)


def test_each_level_lowers_the_error_on_rows_it_has_not_seen(clustered):
    """Relative errors, 1 is the mean alone: decoded by one level, by two and by three."""
    x = clustered(n=4000, d=24, groups=400)
    codebook = PrqQuantizer((32, 32, 32)).fit(x[:3000], RNG)
    unseen, errors = x[3000:], []
    for depth in (1, 2, 3):
        short = PrqCodebook(codebook.scale, codebook.mean, codebook.centroids[:depth])
        errors.append(relative(unseen, short.decode(short.encode(unseen))))
    assert 1 > errors[0] > 1.2 * errors[1] > 1.2**2 * errors[2] > 0
