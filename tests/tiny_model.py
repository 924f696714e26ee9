"""A real BERT of a few kilobytes, written without torch: 16 dimensions, one token per letter, at most 64 tokens."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, INNER, POSITIONS = 16, 32, 64
WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *string.ascii_lowercase,
    *(f"##{c}" for c in string.ascii_lowercase),
]
BROKEN_LETTER = "q"


def build(folder: Path, *, broken: bool = False) -> Path:
    """Write the model and return its folder; a broken one gives NaN for every text with a `q` in it."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    weights = _weights(np.random.default_rng(7))
    if broken:
        rows = [WORDS.index(BROKEN_LETTER), WORDS.index(f"##{BROKEN_LETTER}")]
        weights["embeddings.word_embeddings.weight"][rows] = np.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(_config()))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "model_max_length": POSITIONS})
    )
    tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def _config() -> dict[str, Any]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": len(WORDS),
        "hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": INNER,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2,
    }


def _weights(rng: np.random.Generator) -> dict[str, Any]:
    shapes = {
        "embeddings.word_embeddings.weight": (len(WORDS), WIDTH),
        "embeddings.position_embeddings.weight": (POSITIONS, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        **_norm("embeddings"),
        **_dense("pooler", WIDTH, WIDTH),
    }
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        for part in ("self.query", "self.key", "self.value", "output"):
            shapes |= _dense(f"{layer}.attention.{part}", WIDTH, WIDTH)
        shapes |= {**_norm(f"{layer}.attention.output"), **_norm(f"{layer}.output")}
        shapes |= {**_dense(f"{layer}.intermediate", INNER, WIDTH), **_dense(f"{layer}.output", WIDTH, INNER)}
    return {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}


def _dense(name: str, out: int, into: int) -> dict[str, tuple[int, ...]]:
    # The attention's own projections have no `dense` in their names.
    name = name if ".self." in name else f"{name}.dense"
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def _norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.LayerNorm.weight": (WIDTH,), f"{name}.LayerNorm.bias": (WIDTH,)}


def tokenizer() -> Any:
    """Return the tokenizer: one token per letter."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = {word: number for number, word in enumerate(WORDS)}
    made = Tokenizer(models.WordPiece(vocab=ids, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    special = [(word, ids[word]) for word in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    return made
