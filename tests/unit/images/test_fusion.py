"""The fused vector: similarities weighted as configured, a missing image as zeros, the text untouched by it."""

from __future__ import annotations

import numpy as np
import pytest

from semid.errors import StoredDataError
from semid.images.fusion import fused, has_image

NAMES = [f"item {n}" for n in range(20)]


def units(seed: int, width: int) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(len(NAMES), width))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("weight", [0.5, 0.2, 0.9])
def test_the_weights_are_those_of_the_similarities(weight: float) -> None:
    """x . x' = w_t cos_t + w_v cos_v, for every pair."""
    text, image = units(1, 8), units(2, 5)
    x = fused(text, image, weight, NAMES)
    expected = (1 - weight) * text @ text.T + weight * image @ image.T
    assert x.dtype == np.float32
    np.testing.assert_allclose(x @ x.T, expected, atol=1e-6)


def test_a_missing_image_is_a_block_of_zeros_and_the_mask_says_so() -> None:
    """The text's half is then the text's vector to the last bit, whatever the weight; every row has length 1."""
    text, image = units(1, 8), units(2, 5)
    there = np.arange(len(NAMES)) % 3 > 0
    image[~there] = 0
    for weight in (0.5, 0.37):
        x = fused(text, image, weight, NAMES)
        assert has_image(x, 8).tolist() == there.tolist()
        assert x[~there, :8].tobytes() == text[~there].tobytes()
        np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=1e-6)


def test_a_pair_with_one_image_missing_keeps_the_text_s_share() -> None:
    """[t ; 0] . [sqrt(w_t) t' ; sqrt(w_v) v'] = sqrt(w_t) cos_t."""
    text, image = units(1, 8), units(2, 5)
    image[0] = 0
    x = fused(text, image, 0.36, NAMES)
    np.testing.assert_allclose(x[0] @ x[1], 0.8 * text[0] @ text[1], atol=1e-6)


def test_a_broken_half_is_an_error_that_names_the_item() -> None:
    """NaN of a model never becomes a vector."""
    image = units(2, 5)
    image[4, 2] = np.nan
    with pytest.raises(StoredDataError) as caught:
        fused(units(1, 8), image, 0.5, NAMES)
    assert caught.value.problems == ("item 4",)
