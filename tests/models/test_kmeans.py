"""Fits of k-means at a size where local optima matter."""

import numpy as np

from semid.quantize.distance import nearest
from semid.quantize.kmeans import KmeansParams, kmeans


def test_a_fit_with_swaps_is_better_than_without():
    """On rows seen and on others, in groups of very different width."""
    rng = np.random.default_rng(1)
    group, widths = rng.integers(60, size=2500), np.exp(rng.standard_normal(60))
    x = rng.standard_normal((60, 16))[group] + 0.2 * widths[group, None] * rng.standard_normal((2500, 16))
    seen, unseen = np.split(x.astype(np.float32), [2000])
    plain, swaps = (kmeans(seen, 64, KmeansParams(swap_rounds=rounds)) for rounds in (0, 8))
    for part in (seen, unseen):
        errors = [float(np.square(part - c[nearest(part, c)]).sum()) for c in (plain, swaps)]
        assert errors[1] < 0.99 * errors[0]
