import numpy as np
import pytest

from semid.measure.adaptation import adaptations
from semid.quantize.rkmeans import RkmeansQuantizer


def clusters(n: int = 400, d: int = 12) -> np.ndarray:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20, d))[rng.integers(20, size=n)] + 0.2 * rng.standard_normal((n, d))
    return x.astype(np.float32)


def test_a_rotated_space_keeps_its_codes_and_an_unrelated_one_does_not():
    old = clusters()
    rng = np.random.default_rng(1)
    rotated = old @ np.linalg.qr(rng.standard_normal((12, 12)))[0].astype(np.float32)
    codebook = RkmeansQuantizer((16, 8)).fit(old, rng)
    for found in adaptations(rotated, old, codebook, np.random.default_rng(0)):
        assert found.pairs == 80
        assert found.cosine > 0.999
        assert found.kept_first >= found.kept_all > 0.8
    for found in adaptations(rng.standard_normal((400, 7)).astype(np.float32), old, codebook, rng):
        assert found.cosine < 0.5
        assert found.kept_all < found.kept_first < 0.5
    assert [found.adapter.name for found in adaptations(rotated, old, codebook, rng)] == ["procrustes", "ridge"]


def test_the_pairs_that_measure_are_not_fitted_on():
    """As wide as there are rows, ridge with hardly a penalty fits noise perfectly: only held-out rows show it."""
    rng = np.random.default_rng(2)
    old, new = clusters(60), rng.standard_normal((60, 50)).astype(np.float32)
    found = adaptations(new, old, RkmeansQuantizer((4, 4)).fit(old, rng), rng)[1]
    assert found.cosine < 0.6


def test_too_few_pairs_are_refused():
    x = clusters()
    codebook = RkmeansQuantizer((4, 4)).fit(x, np.random.default_rng(0))
    with pytest.raises(ValueError, match="2 pairs leave nothing to fit or nothing to measure"):
        adaptations(x[:2], x[:2], codebook, np.random.default_rng(0))
    with pytest.raises(ValueError, match="3 new and 4 old"):
        adaptations(x[:3], x[:4], codebook, np.random.default_rng(0))
