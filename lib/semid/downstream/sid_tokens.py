"""Semantic IDs as tokens: `<a_12><b_153><c_87>`, one token per level and code, for tokenizers of Hugging Face.

A letter per level, then the dedup index as one level more, so that every item has its own word: `<d_0>`, `<d_1>`. The
spelling is that of LC-Rec (arXiv 2311.09049). Token ids: 0 to 3 are <pad>, <bos>, <eos>, <unk>; then level by level.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from semid.quantize.base import Codes

SPECIAL = ("<pad>", "<bos>", "<eos>", "<unk>")


def tokens(sizes: Sequence[int]) -> list[str]:
    """Return every token in the order of its id.

    >>> tokens([2, 1])
    ['<pad>', '<bos>', '<eos>', '<unk>', '<a_0>', '<a_1>', '<b_0>']

    Raises:
        ValueError: When there are more levels than letters.
    """
    if len(sizes) > len(ascii_lowercase):
        raise ValueError(f"{len(sizes)} levels, but {len(ascii_lowercase)} letters to name them")
    named = zip(ascii_lowercase, sizes, strict=False)
    return [*SPECIAL, *(f"<{letter}_{code}>" for letter, size in named for code in range(size))]


def token_ids(codes: Codes, sizes: Sequence[int]) -> NDArray[np.int64]:
    """Return the token ids (n, levels) of `codes` (n, levels)."""
    offsets = len(SPECIAL) + np.cumsum([0, *sizes[:-1]])
    ids: NDArray[np.int64] = codes + offsets
    return ids


def tokenizer_files(sizes: Sequence[int]) -> dict[str, str]:
    """Return the text of each file of a tokenizer folder, by name.

    `tokenizers.Tokenizer.from_file` reads `tokenizer.json`, transformers' `AutoTokenizer` the folder. What is no
    token becomes <unk>; nothing is added around a text.
    """
    vocabulary = {token: number for number, token in enumerate(tokens(sizes))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex(r"<[a-z]+(_\d+)?>"), "isolated")]
    )
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(list(SPECIAL))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "<pad>",
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "unk_token": "<unk>",
        "clean_up_tokenization_spaces": False,
    }
    return {"tokenizer.json": tokenizer.to_str(pretty=True), "tokenizer_config.json": json.dumps(config, indent=2)}
