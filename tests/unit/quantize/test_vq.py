import faiss
import numpy as np
import pytest

from semid.config import load_config
from semid.errors import ConfigError
from semid.measure.fit import recipe_of
from semid.quantize.base import quantization_error
from semid.quantize.vq import VqCodebook, VqQuantizer

RNG = np.random.default_rng(0)


def test_error_is_not_above_that_of_faiss_kmeans(clustered):
    """Second implementation, from other seeds; also on rows that neither has seen."""
    x = clustered(n=4000, d=24, groups=400)
    seen, unseen = x[:3000], x[3000:]
    ours = VqQuantizer((64,)).fit(seen, RNG)
    oracle = faiss.Kmeans(24, 64, niter=25, seed=1)
    oracle.train(seen)
    for part in (seen, unseen):
        theirs = quantization_error(part, oracle.centroids[oracle.assign(part)[1]]).mean()
        assert quantization_error(part, ours.decode(ours.encode(part))).mean() < 1.02 * theirs


def test_codes_are_the_nearest_of_faiss(clustered):
    x = clustered(n=500)
    codebook = VqQuantizer((32,)).fit(x, RNG)
    index = faiss.IndexFlatL2(16)
    index.add(codebook.centroids[0])
    np.testing.assert_array_equal(index.search(x, 1)[1], codebook.encode(x))


def test_more_than_one_level_is_refused():
    """By the codebook, by the quantizer, and with the key to change where it comes from the configuration."""
    for make in (lambda: VqQuantizer((4, 4)), lambda: VqCodebook((np.zeros((4, 2), np.float32),) * 2)):
        with pytest.raises(ValueError, match=r"vq has one level, got sizes \(4, 4\): set codebook.sizes"):
            make()
    with pytest.raises(ConfigError, match=r"codebook\.sizes to one number"):
        recipe_of(load_config(None, ["codebook.kind=vq"]).codebook)
