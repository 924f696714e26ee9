"""Vectors on a plane, for looking at: neighbours stay neighbours, distances far apart mean nothing.

t-SNE: van der Maaten and Hinton 2008, https://jmlr.org/papers/v9/vandermaaten08a.html. Two principal components hold
14 % of the variance of Beauty's MiniLM vectors: a cloud without parts.
"""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from semid.quantize.base import Floats

_PERPLEXITY = 30.0
_DIMENSIONS = 50
"""Principal components that t-SNE starts from, as its authors do."""


def to_plane(x: Floats) -> Floats:
    """Return the rows of `x` (n, d) as places (n, 2) in [0, 1]; the same for the same rows on the same machine.

    One thread and a start from the principal components: sums over several threads end in other last bits, and those
    move whole clusters.
    """
    from sklearn.manifold import TSNE  # takes 2 s to load

    if len(x) < 3:
        return np.full((len(x), 2), 0.5, np.float32)
    with threadpool_limits(limits=1):
        principal = _principal(x)
        start = principal[:, :2] / max(float(principal[:, 0].std()), 1e-12) * 1e-4
        perplexity = min(_PERPLEXITY, (len(x) - 1) / 3)
        tsne = TSNE(n_components=2, init=start.astype(np.float32), perplexity=perplexity, random_state=0)
        places = tsne.fit_transform(principal.astype(np.float32))
    low, high = places.min(axis=0), places.max(axis=0)
    return np.asarray((places - low) / np.maximum(high - low, 1e-12), np.float32)


def _principal(x: Floats) -> Floats:
    """Return the first principal components (n, at most 50, at least 2); signs fixed by the largest loading."""
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:_DIMENSIONS]
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]
    found = centred @ axes.T
    return np.asarray(np.pad(found, ((0, 0), (0, max(0, 2 - found.shape[1])))))
