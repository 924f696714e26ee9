"""BM25 over sparse counts: the baseline that any retriever of items by text must beat.

Robertson, Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, with the inverse document frequency
of Lucene, which is never negative: a term t of a document D weighs

    ln(1 + (N - n_t + 1/2) / (n_t + 1/2)) * f (k1 + 1) / (f + k1 (1 - b + b |D| / mean |D|))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

K1, B = 1.2, 0.75
"""Lucene's and Elasticsearch's defaults."""

WORD = r"(?u)\b\w+\b"
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Bm25:
    """Documents as weights.

    Attributes:
        counter: Cuts a text into terms of the documents and counts them.
        weights: Weights (terms, documents), sparse.
    """

    counter: CountVectorizer
    weights: Any

    @classmethod
    def of(cls, documents: Sequence[str]) -> Self:
        """Return the index of `documents`; words are lower-cased, one letter long or longer.

        Raises:
            ValueError: When no document has a word.
        """
        counter = CountVectorizer(token_pattern=WORD, dtype=np.float32)
        counts = counter.fit_transform(documents).tocoo()
        lengths = np.asarray(counts.sum(axis=1)).ravel()
        held = np.bincount(counts.col, minlength=counts.shape[1])
        rare = np.log1p((len(documents) - held + 0.5) / (held + 0.5))
        damping = K1 * (1 - B + B * lengths / lengths.mean())
        weights = rare[counts.col] * counts.data * (K1 + 1) / (counts.data + damping[counts.row])
        return cls(counter, sparse.csr_array((weights, (counts.col, counts.row)), shape=counts.shape[::-1]))

    def search(self, queries: Sequence[str], k: int) -> NDArray[np.intp]:
        """Return (q, k) the documents with the largest scores, the lower row on ties; -1 where no term is shared."""
        blocks = [self._searched(queries[at : at + _BLOCK], k) for at in range(0, len(queries), _BLOCK)]
        return np.concatenate(blocks) if blocks else np.empty((0, k), np.intp)

    def _searched(self, queries: Sequence[str], k: int) -> NDArray[np.intp]:
        scores = (self.counter.transform(queries) @ self.weights).tocsr()
        scores.sort_indices()
        found = np.full((len(queries), k), -1, np.intp)
        for query, (start, end) in enumerate(zip(scores.indptr, scores.indptr[1:], strict=False)):
            best = np.argsort(-scores.data[start:end], kind="stable")[:k]
            found[query, : len(best)] = scores.indices[start:end][best]
        return found
