"""Second implementation: codes and errors beside faiss's, on rows that neither has seen too."""

from __future__ import annotations

from collections.abc import Callable

import faiss
import numpy as np

from semid.quantize.base import Codebook, quantization_error
from semid.quantize.distance import nearest
from semid.quantize.kmeans import KmeansParams, kmeans
from semid.quantize.pq import PqQuantizer
from semid.quantize.rkmeans import RkmeansQuantizer
from semid.quantize.vq import VqQuantizer

RNG = np.random.default_rng(0)


def refuse_above(x: np.ndarray, ours: Codebook, theirs: Callable[[np.ndarray], np.ndarray], bound: float) -> None:
    """Compare the errors on the rows both were fitted to, the first 3,000, and on the others."""
    for part in (x[:3000], x[3000:]):
        error = quantization_error(part, ours.decode(ours.encode(part))).mean()
        assert error < bound * quantization_error(part, theirs(part)).mean()


def test_residual_kmeans_error_is_not_above_beam_1(clustered):
    """4 % is the spread of faiss over seeds."""
    x = clustered(n=4000, d=24, groups=400)
    oracle = faiss.ResidualQuantizer(24, 3, 5)
    oracle.max_beam_size = 1
    oracle.train(x[:3000])
    ours = RkmeansQuantizer((32, 32, 32)).fit(x[:3000], RNG)
    refuse_above(x, ours, lambda part: oracle.decode(oracle.compute_codes(part)), 1.04)


def test_product_codes_are_those_of_faiss_with_the_same_centroids(clustered):
    """Encoding and decoding; at 8 bits its bytes are codes."""
    x = clustered(n=2000, d=12, groups=300)
    ours = PqQuantizer((256, 256, 256), KmeansParams(iterations=3)).fit(x, RNG)
    oracle = faiss.ProductQuantizer(12, 3, 8)
    oracle.train(x)
    faiss.copy_array_to_vector(np.concatenate([level.ravel() for level in ours.centroids]), oracle.centroids)
    codes = ours.encode(x)
    np.testing.assert_array_equal(oracle.compute_codes(x), codes)
    np.testing.assert_array_equal(oracle.decode(codes.astype(np.uint8)), ours.decode(codes))


def test_product_error_is_not_above_faiss(clustered):
    """2 % is what faiss moves between seeds."""
    x = clustered(n=4000, d=24, groups=400)
    oracle = faiss.ProductQuantizer(24, 3, 5)
    oracle.train(x[:3000])
    ours = PqQuantizer((32, 32, 32)).fit(x[:3000], RNG)
    refuse_above(x, ours, lambda part: oracle.decode(oracle.compute_codes(part)), 1.02)


def test_one_levels_error_is_not_above_kmeans_of_faiss(clustered):
    """From other seeds."""
    x = clustered(n=4000, d=24, groups=400)
    oracle = faiss.Kmeans(24, 64, niter=25, seed=1)
    oracle.train(x[:3000])
    ours = VqQuantizer((64,)).fit(x[:3000], RNG)
    refuse_above(x, ours, lambda part: oracle.centroids[oracle.assign(part)[1]], 1.02)


def test_one_levels_codes_are_the_nearest_of_faiss(clustered):
    """Exact search over the same centroids."""
    x = clustered(n=500)
    codebook = VqQuantizer((32,)).fit(x, RNG)
    index = faiss.IndexFlatL2(16)
    index.add(codebook.centroids[0])
    np.testing.assert_array_equal(index.search(x, 1)[1], codebook.encode(x))


def test_kmeans_error_is_not_above_faiss(clustered):
    """With as many iterations: faiss starts from random rows."""
    x = clustered(n=3000, d=32, groups=300)
    oracle = faiss.Kmeans(32, 64, niter=25, seed=1, max_points_per_centroid=10**6)
    oracle.train(x)
    ours = kmeans(x, 64, KmeansParams(iterations=25))
    errors = [np.square(x - c[nearest(x, c)]).sum(axis=1).mean() for c in (ours, oracle.centroids)]
    assert errors[0] < 1.01 * errors[1]
