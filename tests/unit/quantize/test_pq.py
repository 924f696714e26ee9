import faiss
import numpy as np
import pytest

from semid.quantize.base import quantization_error
from semid.quantize.kmeans import KmeansParams, kmeans
from semid.quantize.pq import PqCodebook, PqQuantizer, widths

RNG = np.random.default_rng(0)


def test_codes_and_reconstruction_of_a_codebook_written_by_hand():
    """Two columns, then one: each part takes its own nearest centroid."""
    codebook = PqCodebook((np.float32([[0, 0], [5, 5]]), np.float32([[0], [1], [2]])))
    x = np.float32([[4, 4, 1.9], [1, 0, 0.6], [5, 0, -9]])
    codes = codebook.encode(x)
    np.testing.assert_array_equal([[1, 2], [0, 1], [0, 0]], codes)
    np.testing.assert_array_equal([[5, 5, 2], [0, 0, 1], [0, 0, 0]], codebook.decode(codes))


@pytest.mark.parametrize(
    ("dim", "levels", "expected"),
    [(384, 3, [128] * 3), (1000, 3, [334, 333, 333]), (5, 4, [2, 1, 1, 1]), (2, 2, [1, 1])],
)
def test_widths_are_equal_or_differ_by_one(dim, levels, expected):
    assert widths(dim, levels) == expected


def test_more_levels_than_dimensions_are_refused(clustered):
    with pytest.raises(ValueError, match="4 levels need vectors at least 4 wide, these are 3"):
        PqQuantizer((2,) * 4).fit(clustered(d=3), RNG)


def test_codes_are_those_of_faiss_with_the_same_centroids(clustered):
    """Second implementation of encoding and decoding; at 8 bits its bytes are codes."""
    x = clustered(n=2000, d=12, groups=300)
    ours = PqQuantizer((256, 256, 256), KmeansParams(iterations=3)).fit(x, RNG)
    oracle = faiss.ProductQuantizer(12, 3, 8)
    oracle.train(x)
    faiss.copy_array_to_vector(np.concatenate([level.ravel() for level in ours.centroids]), oracle.centroids)
    codes = ours.encode(x)
    np.testing.assert_array_equal(oracle.compute_codes(x), codes)
    np.testing.assert_array_equal(oracle.decode(codes.astype(np.uint8)), ours.decode(codes))


def test_error_is_not_above_that_of_faiss(clustered):
    """On rows that neither has seen too; 2 % is what faiss moves between seeds."""
    x = clustered(n=4000, d=24, groups=400)
    seen, unseen = x[:3000], x[3000:]
    ours = PqQuantizer((32, 32, 32)).fit(seen, RNG)
    oracle = faiss.ProductQuantizer(24, 3, 5)
    oracle.train(seen)
    for part in (seen, unseen):
        theirs = quantization_error(part, oracle.decode(oracle.compute_codes(part))).mean()
        assert quantization_error(part, ours.decode(ours.encode(part))).mean() < 1.02 * theirs


def test_each_level_is_the_k_means_of_its_columns(clustered):
    """Sizes may differ by level."""
    x = clustered(d=7)
    codebook = PqQuantizer((9, 5, 12)).fit(x, RNG)
    for columns, centroids in zip((slice(0, 3), slice(3, 5), slice(5, 7)), codebook.centroids, strict=True):
        expected = kmeans(np.ascontiguousarray(x[:, columns]), len(centroids), KmeansParams())
        np.testing.assert_array_equal(expected, centroids)
