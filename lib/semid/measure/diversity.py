"""How varied ranked lists are, position by position, and what that costs."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from semid.measure.codes import Codes, Floats, prefix_labels


def distinct_prefixes(codes: Codes, depth: int = 1, window: int = 10) -> float:
    """Return the mean number of distinct prefixes in any `window` positions in a row of one list.

    Args:
        codes: Codes (k, levels) in the order of the list.
        depth: Codes of a prefix.
        window: Positions; a shorter list is one window.
    """
    labels = prefix_labels(codes, depth)
    windows = np.sort(sliding_window_view(labels, min(window, len(labels))), axis=1)
    return float((1 + (np.diff(windows, axis=1) != 0).sum(axis=1)).mean())


def window_similarity(vectors: Floats, window: int = 10) -> float:
    """Return the mean cosine of two different positions of one `window`, over every window of the list.

    Intra-list similarity (Ziegler et al., WWW 2005), of what is seen together.

    Args:
        vectors: Vectors (k, d) in the order of the list, k > 1.
        window: Positions; a shorter list is one window.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
    width = min(window, len(unit))
    windows = sliding_window_view(unit, width, axis=0)  # (windows, d, width)
    sums = np.square(windows.sum(axis=2, dtype=np.float64)).sum(axis=1)
    own = np.square(windows, dtype=np.float64).sum(axis=(1, 2))
    return float(((sums - own) / (width * (width - 1))).mean())


def relevance_kept(relevance: NDArray[np.floating], chosen: NDArray[np.integer]) -> float:
    """Return the summed relevance of the `chosen` positions over that of as many most relevant ones.

    Args:
        relevance: Relevance (n,) of the candidates, of one sign: a share of what may be negative says nothing.
        chosen: Rows (k,) of the candidates that were shown.
    """
    best = np.sort(relevance)[::-1][: len(chosen)]
    return float(relevance[chosen].sum() / best.sum())
