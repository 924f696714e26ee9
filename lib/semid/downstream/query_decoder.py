"""A compact search index (torch): reads the words of a query and says the ID of an item down the tree of prefixes.

DSI (arXiv 2202.06991) with the compact decoder's way of saying IDs (`tree_decoder`) in place of TIGER's. A query is the
mean of its words' vectors: blocks of attention over them took longer and found less (docs/generative.md).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from semid.downstream.transformer import initialise
from semid.downstream.tree_decoder import Answer, TreeDecoder, TreeShape
from semid.downstream.vocabulary import Vocabulary


class QueryDecoder(TreeDecoder):
    """Foretells the ID of the item that a query wants.

    Args:
        ids: The ID (items, levels) of each item, from `Vocabulary.ids`; it says no others.
        vocabulary: Of the IDs.
        shape: Its sizes.
        buckets: Tokens of words, behind those of the vocabulary.
        seed: Of the first weights.
    """

    def __init__(
        self, ids: NDArray[np.int32], vocabulary: Vocabulary, shape: TreeShape, buckets: int, seed: int = 0
    ) -> None:
        reader = {"words": nn.Embedding(buckets, shape.width), "norm": nn.RMSNorm(shape.width)}
        super().__init__(ids, vocabulary, shape, reader)
        self.first = vocabulary.size
        initialise(self, torch.Generator().manual_seed(seed))

    def forward(self, tokens: Tensor, items: Tensor) -> Tensor:
        """Return the mean loss in nats per ID, summed over its levels.

        Args:
            tokens: Words (batch, places), `Vocabulary.PAD` at any place that is empty.
            items: Row (batch,) in `ids` of the item that each query wants.
        """
        return self.loss(self._read(tokens), self.tree.items[items])

    def begin(self, tokens: Tensor) -> Answer:
        """Return a session (see `beam.Session`) that answers `tokens` (batch, places)."""
        return Answer(self, self._read(tokens))

    def _read(self, tokens: Tensor) -> Tensor:
        """Return (batch, width) what each query says."""
        there = (tokens != Vocabulary.PAD)[..., None]
        words = self.dropout(self.words((tokens - self.first).clamp(min=0))) * there
        # The mean of vectors of order .02; scaled, the norm's epsilon is nothing beside it.
        return self.norm(words.sum(dim=1) / there.sum(dim=1).clamp(min=1) * self.width**0.5)
