"""Codes as pieces of variable length: byte-pair encoding over IDs, one table of a chosen size.

"SentencePiece model" of arXiv 2306.08121: frequent runs of codes become one piece, so that popular items need fewer
look-ups and get rows of their own, while rare ones are spelled in codes. Merges by frequency (BPE, Sennrich, Haddow,
Birch, arXiv 1508.07909): the unigram model of the `sentencepiece` package gave nothing but single codes on catalogs
of ours. Each (level, code) is one character, so that a piece knows its level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, trainers

from semid.downstream.bags import Bags, check_codes
from semid.errors import ConfigError
from semid.quantize.base import Codes

_FIRST = 0xF0000
"""The private-use planes: 131,072 code points that no catalog text has."""


@dataclass(frozen=True)
class Pieces:
    """A trained vocabulary of pieces.

    Attributes:
        tokenizer: As JSON, which `tokenizers.Tokenizer.from_str` reads.
        sizes: Codes per level.
    """

    tokenizer: str
    sizes: tuple[int, ...]

    def bags(self, codes: Codes) -> Bags:
        """Return the pieces of each of `codes` (items, levels), coarse to fine; at most one per level."""
        tokenizer = Tokenizer.from_str(self.tokenizer)
        found = [encoding.ids for encoding in tokenizer.encode_batch_fast(spelled(codes, self.sizes))]
        rows = tokenizer.get_vocab_size()
        index = np.full((len(codes), len(self.sizes)), rows, np.int32)
        for item, ids in enumerate(found):
            index[item, : len(ids)] = ids
        return Bags(index, rows)


def fit_pieces(
    codes: Codes, sizes: Sequence[int], vocabulary: int, traffic: NDArray[np.integer] | None = None
) -> Pieces:
    """Return the vocabulary of `vocabulary` pieces, single codes included.

    The order of the items does not matter.

    Args:
        codes: Codes (items, levels).
        sizes: Codes per level.
        vocabulary: Rows of the table.
        traffic: How often each item (items,) counts, for instance its interactions in training; once each when None.
            An item without traffic does not take part, and is spelled with what the others have taught.

    Raises:
        ConfigError: No two codes were merged, so that pieces would be nothing but single codes.
    """
    words = np.array(spelled(codes, sizes), dtype=object)
    counts = np.ones(len(words), np.int64) if traffic is None else traffic
    tokenizer = Tokenizer(models.BPE())
    alphabet = [chr(_FIRST + code) for code in range(sum(sizes))]
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(_repeated(words, counts), trainer)
    pieces = Pieces(tokenizer.to_str(), tuple(sizes))
    bags = pieces.bags(codes[counts > 0])
    if not bags.mean_width < len(sizes):
        raise ConfigError(
            f"{vocabulary:,} pieces spell IDs of {len(sizes)} codes with {bags.mean_width:.2f} pieces each",
            where="pieces.vocabulary",
            next_step=f"ask for more pieces than the {sum(sizes):,} single codes, and than codes that occur once only",
        )
    return pieces


def spelled(codes: Codes, sizes: Sequence[int]) -> list[str]:
    """Return each of `codes` (items, levels) as a word: code c of level l is character c + (sizes of the levels above).

    Characters count from U+F0000.

    Raises:
        ValueError: A code is outside its level.
    """
    check_codes(codes, sizes)
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    letters = np.ascontiguousarray(codes + offsets + _FIRST, dtype="<u4")
    return [row.tobytes().decode("utf-32-le") for row in letters]


def _repeated(words: NDArray[np.object_], counts: NDArray[np.integer]) -> Iterator[list[str]]:
    for start in range(0, len(words), 1_000):
        part = slice(start, start + 1_000)
        yield np.repeat(words[part], counts[part]).tolist()
