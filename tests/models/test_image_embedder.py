"""A real CLIP, tiny: pictures to unit vectors, and what is no image model refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semid.config import load_config
from semid.errors import ConfigError, StoredDataError
from semid.images.embedder import ImageEmbedder, ImageSpec, image_spec
from tests import tiny_clip, tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny CLIP."""
    return tiny_clip.build(tmp_path_factory.mktemp("clip") / "tiny")


def spec(folder: Path, *settings: str) -> ImageSpec:
    return image_spec(load_config(overrides=[f"images.model={folder}", *settings]).images)


def test_a_picture_has_the_vector_that_transformers_gives_it(folder: Path) -> None:
    """Against the model's own classes: processor, image tower, projection, length 1."""
    import torch
    from transformers import CLIPImageProcessor, CLIPModel

    pictures = [Image.fromarray(tiny_clip.picture(seed, side)) for seed, side in ((1, 24), (2, 40), (3, 16))]
    x = ImageEmbedder(spec(folder, "images.batch_size=2"), "cpu").embed(pictures, ["a", "b", "c"])
    pixels = CLIPImageProcessor.from_pretrained(folder)(pictures, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        y = CLIPModel.from_pretrained(folder).get_image_features(pixel_values=pixels)
    y = getattr(y, "pooler_output", y).numpy()
    assert x.shape == (3, tiny_clip.WIDTH)
    np.testing.assert_allclose(x, y / np.linalg.norm(y, axis=1, keepdims=True), atol=1e-6)
    assert abs(x[0] @ x[1]) < 0.9999


def test_without_pictures_there_are_no_vectors(folder: Path) -> None:
    """A partition may hold no image at all; the width is known all the same."""
    assert ImageEmbedder(spec(folder), "cpu").embed([], []).shape == (0, tiny_clip.WIDTH)


def test_a_text_model_is_no_image_model(tmp_path: Path) -> None:
    """Named by mistake, it is refused before it gives vectors of something else."""
    with pytest.raises(ConfigError, match="takes no images"):
        ImageEmbedder(spec(tiny_model.build(tmp_path / "text")), "cpu")


def test_a_worker_refuses_other_model_files(folder: Path) -> None:
    """Vectors of two models under one fingerprint would be a silent mixture."""
    from dataclasses import replace

    with pytest.raises(StoredDataError, match="differ from the driver's"):
        ImageEmbedder(replace(spec(folder), files="0" * 64), "cpu")
