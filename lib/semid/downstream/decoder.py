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

from semid.downstream.prefix_tree import ROOT, PrefixTree
from semid.downstream.sequences import NO_ITEM, Histories
from semid.downstream.transformer import Block, RelativeBias, initialise
from semid.downstream.vocabulary import Vocabulary

ROWS = 2_048
"""Prefixes whose children are compared at once while answering: of 150 each, 128 wide, 0.5 GB."""


@dataclass(frozen=True)
class DecoderShape:
    """Sizes of the decoder.

    Args:
        width: Of items and prefixes.
        layers: Blocks over items.
        heads: Heads of each block; they share the width.
        hidden: Width of the feed-forward parts.
        dropout: Share of activations dropped while learning.
        history: Most items read of a history, the newest.
        prefixes: Most prefixes with a vector of their own, see `PrefixTree`.
    """

    width: int = 128
    layers: int = 2
    heads: int = 4
    hidden: int = 512
    dropout: float = 0.5
    history: int = 50
    prefixes: int = 65_536


class HistoryDecoder(nn.Module):  # type: ignore[misc]
    """Foretells the ID of the next item from the IDs of the items before it.

    Args:
        ids: The ID (items, levels) of each item, from `Vocabulary.ids`; it says no others.
        vocabulary: Of the IDs.
        shape: Its sizes.
        seed: Of the first weights.
    """

    def __init__(self, ids: NDArray[np.int32], vocabulary: Vocabulary, shape: DecoderShape, seed: int = 0) -> None:
        super().__init__()
        self.sizes, self.shape, width = vocabulary.level_sizes, shape, shape.width
        self.tree = PrefixTree(ids, vocabulary, width, shape.prefixes)
        self.dropout = nn.Dropout(shape.dropout)
        heads = (shape.heads, width // shape.heads)
        self.blocks = nn.ModuleList(Block(width, heads, shape.hidden, shape.dropout) for _ in range(shape.layers))
        self.distances, self.norm = RelativeBias(shape.heads, shape.history), nn.RMSNorm(width)
        self.of_history = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in self.sizes)
        self.of_prefix = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in self.sizes[1:])
        initialise(self, torch.Generator().manual_seed(seed))

    def forward(self, items: Tensor) -> Tensor:
        """Return the mean loss of the items behind the first ones: nats per item, summed over its levels.

        Args:
            items: Item rows (batch, places), oldest at the left, `NO_ITEM` at the right.
        """
        told = items[:, 1:] != NO_ITEM
        paths = self.tree.items[items[:, 1:][told]]
        before = self._states(items[:, :-1])[told]
        said, nodes, losses = torch.zeros_like(before), torch.full_like(paths[:, 0], ROOT), []
        for level, children in enumerate(paths.T):
            losses.append(self.tree.loss(nodes, children, self.queries(before, said, level), level))
            said, nodes = said + self.dropout(self.tree.vectors(children)), children
        return torch.stack(losses).sum()

    def begin(self, items: Tensor) -> Answer:
        """Return a session (see `beam.Session`) that answers histories, none of them empty.

        Args:
            items: Item rows (batch, places), oldest at the left, `NO_ITEM` at the right.
        """
        last = (items != NO_ITEM).sum(dim=1) - 1
        return Answer(self, self._states(items)[torch.arange(len(items), device=items.device), last])

    def queries(self, before: Tensor, said: Tensor, level: int) -> Tensor:
        """Return (n, width) what is asked of the children at `level`, from histories' states and the prefixes' sums."""
        asked = self.of_history[level](before)
        return asked + self.of_prefix[level - 1](said) if level else asked

    def _states(self, items: Tensor) -> Tensor:
        """Return (batch, places, width) what the items up to each place say of the next."""
        # Scaled as in arXiv 1706.03762: else the first block's answers, of order 1, drown the items, of order .05.
        x = self.dropout(self.tree.vectors(self.tree.items[items]).sum(dim=2)) * self.shape.width**0.5
        bias = self.distances.causal(items.shape[1])
        for block in self.blocks:
            x, _ = block(x, bias)
        return self.norm(x)


class Answer:
    """A `HistoryDecoder` in the middle of a beam search: each hypothesis has its prefix and the sum of its vectors."""

    def __init__(self, model: HistoryDecoder, states: Tensor) -> None:
        self._model, self._states, self._level = model, states, 0
        self._nodes = torch.full((len(states), 1), ROOT, device=states.device)
        self._said = torch.zeros_like(states)[:, None]

    def first(self) -> Tensor:
        """See `beam.Session`."""
        return self._log_probs()

    def next(self, parents: Tensor, codes: Tensor) -> Tensor:
        """See `beam.Session`; a code that no ID goes on with has the log-probability -inf."""
        self._nodes = self._model.tree.child(self._nodes.gather(1, parents), codes, self._level)
        before = self._said.gather(1, parents[..., None].expand(-1, -1, self._said.shape[2]))
        self._said, self._level = before + self._model.tree.vectors(self._nodes), self._level + 1
        return self._log_probs()

    def _log_probs(self) -> Tensor:
        histories = torch.arange(len(self._states), device=self._nodes.device).repeat_interleave(self._nodes.shape[1])
        asked = zip(histories.split(ROWS), self._nodes.flatten().split(ROWS), self._said.flatten(0, 1).split(ROWS),
                    strict=True)  # fmt: skip
        parts = [self._among_children(self._states[rows], nodes, said) for rows, nodes, said in asked]
        return torch.cat(parts).unflatten(0, self._nodes.shape)

    def _among_children(self, states: Tensor, nodes: Tensor, said: Tensor) -> Tensor:
        """Return (n, size) the log-probabilities of the codes behind `nodes` (n,)."""
        tree, level = self._model.tree, self._level
        edges = tree.edges(nodes)
        told = tree.log_probs(edges, self._model.queries(states, said, level), level)
        found = told.new_full((len(nodes), self._model.sizes[level]), -torch.inf)
        found[edges.rows, tree.tokens[edges.nodes] - tree.offsets[level]] = told
        return found


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
