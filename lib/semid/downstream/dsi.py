"""Queries for DSI: words as tokens.

A differentiable search index (arXiv 2202.06991) answers a query with the ID of an item: `tiger.Tiger` with the words of
the query for its input, and the same tables and beam. Items without a log of queries learn from made ones: `queries`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from semid.downstream.vocabulary import Vocabulary

Rows = NDArray[np.int32]

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Return the words of a text in lower case.

    >>> words("Aloe-Vera GEL, 8 oz")
    ['aloe', 'vera', 'gel', '8', 'oz']
    """
    return _WORD.findall(text.lower())


def query_tokens(queries: Sequence[str], first: int, buckets: int, length: int) -> Rows:
    """Return (n, places) tokens of the first `length` words of each query, padded at the right.

    Words are hashed, so that there is no vocabulary of words to keep and a new word is no special case. Two words share
    a token with a chance of one in `buckets`.

    Args:
        queries: Texts.
        first: Token of the first bucket, the size of the IDs' vocabulary.
        buckets: Number of buckets, `Tiger`'s `others`.
        length: Most words read.
    """
    said = [words(query)[:length] for query in queries]
    known = {word: first + _bucket(word, buckets) for word in {word for query in said for word in query}}
    table = np.full((len(said), max(1, *(len(query) for query in said)) if said else 1), Vocabulary.PAD, np.int32)
    for row, query in enumerate(said):
        table[row, : len(query)] = [known[word] for word in query]
    return table


def _bucket(word: str, buckets: int) -> int:
    """Return the bucket of a word, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little") % buckets
