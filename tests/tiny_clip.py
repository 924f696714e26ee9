"""A real CLIP of some kilobytes, saved by sentence-transformers: 16 dimensions, pictures of 16 x 16, seeded weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests import tiny_model

WIDTH = 12
"""Of the vectors; another one than the tiny text model's."""
SIDE = 16


def build(folder: Path) -> Path:
    """Write the model and return its folder."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import CLIPModel, CLIPProcessor

    parts = folder.with_name(folder.name + "-parts")
    torch.manual_seed(7)
    CLIPModel(_config()).save_pretrained(parts)
    CLIPProcessor(_pictures(), _tokenizer()).save_pretrained(parts)
    SentenceTransformer(str(parts), device="cpu").save(str(folder))
    return folder


def picture(seed: int, side: int = 24) -> np.ndarray:
    """Return a drawn picture (side, side, 3): a bright rectangle on a dark ground, both of random colours."""
    rng = np.random.default_rng(seed)
    pixels = np.empty((side, side, 3), dtype=np.uint8)
    pixels[:] = rng.integers(0, 100, 3)
    top, left = rng.integers(0, side // 2, 2)
    pixels[top : top + side // 2, left : left + side // 2] = rng.integers(150, 256, 3)
    return pixels


def draw(file: Path, seed: int, side: int = 24) -> Path:
    """Save a drawn picture in the format that the name says."""
    from PIL import Image

    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(seed, side)).save(file)
    return file


def _config() -> object:
    from transformers import CLIPConfig

    layers = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    words = {"vocab_size": len(tiny_model.WORDS), "max_position_embeddings": 16, "eos_token_id": 3, "bos_token_id": 2}
    sight = {"image_size": SIDE, "patch_size": 8}
    return CLIPConfig(
        text_config={**layers, **words, "pad_token_id": 0},
        vision_config={**layers, **sight},
        projection_dim=WIDTH,
    )


def _pictures() -> object:
    from transformers import CLIPImageProcessor

    return CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})


def _tokenizer() -> object:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_object=tiny_model.tokenizer(), pad_token="[PAD]", model_max_length=16)
