"""A compact causal decoder of semantic IDs (torch) that learns from every place of a history.

A causal Transformer reads items, an item being the sum of its prefixes' vectors, and says the next one's ID down the
tree of the prefixes (`prefix_tree`): from what was read and the prefix so far, which child comes. A history of n items
gives n - 1 lessons in one pass over n places; TIGER (`tiger`) reads levels * n tokens for each of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from semid.downstream.sequences import NO_ITEM, Histories
from semid.downstream.transformer import Block, RelativeBias, initialise
from semid.downstream.tree_decoder import Answer, TreeDecoder, TreeShape
from semid.downstream.vocabulary import Vocabulary


@dataclass(frozen=True)
class DecoderShape(TreeShape):
    """Sizes of the decoder, beside those of `TreeShape`.

    Args:
        layers: Blocks over items.
        heads: Heads of each block; they share the width.
        hidden: Width of the feed-forward parts.
        history: Most items read of a history, the newest.
    """

    layers: int = 2
    heads: int = 4
    hidden: int = 512
    history: int = 50


class HistoryDecoder(TreeDecoder):
    """Foretells the ID of the next item from the IDs of the items before it.

    Args:
        ids: The ID (items, levels) of each item, from `Vocabulary.ids`; it says no others.
        vocabulary: Of the IDs.
        shape: Its sizes.
        seed: Of the first weights.
    """

    def __init__(self, ids: NDArray[np.int32], vocabulary: Vocabulary, shape: DecoderShape, seed: int = 0) -> None:
        heads, parts = (shape.heads, shape.width // shape.heads), range(shape.layers)
        reader = {
            "blocks": nn.ModuleList(Block(shape.width, heads, shape.hidden, shape.dropout) for _ in parts),
            "distances": RelativeBias(shape.heads, shape.history),
            "norm": nn.RMSNorm(shape.width),
        }
        super().__init__(ids, vocabulary, shape, reader)
        initialise(self, torch.Generator().manual_seed(seed))

    def forward(self, items: Tensor) -> Tensor:
        """Return the mean loss of the items behind the first ones: nats per item, summed over its levels.

        Args:
            items: Item rows (batch, places), oldest at the left, `NO_ITEM` at the right.
        """
        told = items[:, 1:] != NO_ITEM
        paths = self.tree.items[items[:, 1:][told]]
        return self.loss(self._states(items[:, :-1])[told], paths)

    def begin(self, items: Tensor) -> Answer:
        """Return a session (see `beam.Session`) that answers histories, none of them empty.

        Args:
            items: Item rows (batch, places), oldest at the left, `NO_ITEM` at the right.
        """
        last = (items != NO_ITEM).sum(dim=1) - 1
        return Answer(self, self._states(items)[torch.arange(len(items), device=items.device), last])

    def _states(self, items: Tensor) -> Tensor:
        """Return (batch, places, width) what the items up to each place say of the next."""
        # Scaled as in arXiv 1706.03762: else the first block's answers, of order 1, drown the items, of order .05.
        x = self.dropout(self.tree.vectors(self.tree.items[items]).sum(dim=2)) * self.width**0.5
        bias = self.distances.causal(items.shape[1])
        for block in self.blocks:
            x, _ = block(x, bias)
        return self.norm(x)


def rows_by_length(log: Histories, length: int, batch: int, rng: np.random.Generator) -> list[NDArray[np.int32]]:
    """Return batches (batch, places) of histories in random order, each padded at the right to its longest only.

    Histories of like length are together, because half of Beauty's have 6 items or fewer and the longest read 50;
    which of them share a batch, and the order of batches, are drawn. A history under two items teaches nothing.

    Args:
        log: Histories.
        length: Most items of each, the newest.
        batch: Histories per batch.
        rng: Draws the order.
    """
    recent = log.of(log.lengths >= 2).last(length)
    order = rng.permutation(len(recent))
    order = order[np.argsort(recent.lengths[order], kind="stable")]
    chunks = [order[start : start + batch] for start in range(0, len(order), batch)]
    return [padded_right(recent.of(chunks[number])) for number in rng.permutation(len(chunks))]


def padded_right(log: Histories) -> NDArray[np.int32]:
    """Return (n, places) histories as rows, oldest at the left, `NO_ITEM` behind the newest."""
    table = np.full((len(log), int(log.lengths.max())), NO_ITEM, np.int32)
    table[np.arange(table.shape[1]) < log.lengths[:, None]] = log.items
    return table
