"""Codes, dedup indexes and users as tokens of one vocabulary."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from semid.errors import InputRefused

Rows = NDArray[np.int32]


@dataclass(frozen=True)
class Vocabulary:
    """Codes, dedup indexes and users as tokens of one range, as in TIGER (arXiv 2305.05065, section 4).

    A token is the offset of its kind plus the value: 0 pads, 1 begins an answer, then the codes of level 1, of level 2,
    and so on, the dedup indexes as one further level, and the users' buckets.

    Args:
        sizes: Codes per level.
        duplicates: Values of the dedup index, the largest + 1; 0 leaves the level out, and an ID then names a bucket.
        users: Buckets that users are hashed to, 2,000 in the paper; 0 for none.
    """

    sizes: tuple[int, ...]
    duplicates: int
    users: int = 2000

    PAD = 0
    BEGIN = 1

    @property
    def level_sizes(self) -> tuple[int, ...]:
        """Tokens of each level of an ID, with that of the dedup index."""
        return (*self.sizes, self.duplicates) if self.duplicates else self.sizes

    @property
    def level_offsets(self) -> tuple[int, ...]:
        """First token of each level."""
        ends = np.cumsum((2, *self.level_sizes))
        return tuple(int(end) for end in ends[:-1])

    @property
    def size(self) -> int:
        """All tokens."""
        return 2 + sum(self.level_sizes) + self.users

    def ids(self, codes: ArrayLike, dedup_index: ArrayLike) -> Rows:
        """Return the IDs (n, levels): `codes` (n, len(sizes)) with the dedup indexes (n,) as the last level, if any.

        Raises:
            InputRefused: Lists each level with the number of its values that do not fit.
        """
        ids = np.asarray(codes, np.int32).reshape(-1, len(self.sizes))
        if self.duplicates:
            ids = np.column_stack([ids, np.asarray(dedup_index, np.int32)])
        outside = ((ids < 0) | (ids >= self.level_sizes)).sum(axis=0)
        if outside.any():
            raise InputRefused(
                f"{int(outside.sum())} values are outside the vocabulary",
                problems=[
                    f"level {level + 1}: {int(n)} values outside 0..{self.level_sizes[level] - 1}"
                    for level, n in enumerate(outside)
                    if n
                ],
                next_step="Build the vocabulary from the codebook's sizes and the largest dedup index.",
            )
        return np.ascontiguousarray(ids)

    def tokens(self, ids: Rows) -> Rows:
        """Return the tokens (n, levels) of IDs (n, levels)."""
        return (ids + np.array(self.level_offsets, np.int32)).astype(np.int32)

    def user_tokens(self, keys: ArrayLike) -> Rows:
        """Return the token (n,) of each user's bucket: a hash of the printed key, the same on every machine."""
        named, back = np.unique(np.asarray(keys).astype(np.str_), return_inverse=True)
        digests = (hashlib.blake2b(key.encode(), digest_size=8).digest() for key in named.tolist())
        buckets = np.array([int.from_bytes(digest, "little") % self.users for digest in digests], np.int32)
        return (self.size - self.users + buckets[back]).astype(np.int32)


def item_tokens(table: Rows, tokens: Rows) -> Rows:
    """Return (n, length * levels) the tokens of padded histories `table` (n, length), `Vocabulary.PAD` for no item.

    Args:
        table: Item rows, `sequences.NO_ITEM` (-1) where there is none.
        tokens: The tokens (items, levels) of each item.
    """
    levels = tokens.shape[1]
    padded = np.concatenate([tokens, np.full((1, levels), Vocabulary.PAD, np.int32)])
    return padded[table].reshape(len(table), -1)  # NO_ITEM is -1, the appended row
