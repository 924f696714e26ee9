import numpy as np
import pytest

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


def test_each_level_is_the_k_means_of_its_columns(clustered):
    """Sizes may differ by level."""
    x = clustered(d=7)
    codebook = PqQuantizer((9, 5, 12)).fit(x, RNG)
    for columns, centroids in zip((slice(0, 3), slice(3, 5), slice(5, 7)), codebook.centroids, strict=True):
        expected = kmeans(np.ascontiguousarray(x[:, columns]), len(centroids), KmeansParams())
        np.testing.assert_array_equal(expected, centroids)
