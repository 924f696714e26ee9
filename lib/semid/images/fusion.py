"""One vector of a text's and an image's: weighted concatenation, a missing image as a block of zeros.

With unit parts t and v and weights w_t + w_v = 1, x = [sqrt(w_t) t ; sqrt(w_v) v] has
x . x' = w_t (t . t') + w_v (v . v'): the weights are those of the two similarities. Without an image x = [t ; 0].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semid.text.embedder import normalised


def fused(
    text: NDArray[np.float32], image: NDArray[np.float32], weight: float, names: list[str]
) -> NDArray[np.float32]:
    """Return unit vectors (n, d_t + d_v) of unit texts (n, d_t) and images (n, d_v) that are unit or all zero.

    Args:
        text: Vectors of the texts.
        image: Vectors of the images; a row of zeros where there is none, and it stays exactly that.
        weight: w_v, between 0 and 1.
        names: What each row is called in an error message.

    Raises:
        StoredDataError: A row has no direction; see `normalised`.
    """
    there = image.any(axis=1)
    scaled = np.hstack([np.sqrt(1.0 - weight) * text.astype(np.float64), np.sqrt(weight) * image.astype(np.float64)])
    x = normalised(scaled.astype(np.float32), names)
    # [t ; 0] is t itself, to the last bit: no rounding of a scale that is divided out again.
    x[~there, : text.shape[1]] = text[~there]
    return x


def has_image(x: NDArray[np.float32], text_dim: int) -> NDArray[np.bool_]:
    """Return which rows of fused vectors (n, d) hold an image: the block behind the text's is not all zeros."""
    return np.asarray(x[:, text_dim:].any(axis=1))
