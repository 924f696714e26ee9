"""A compact causal decoder of semantic IDs (torch) that learns from every place of a history.

RQ-Transformer (arXiv 2203.01941) over users' histories: a causal Transformer over items, an item being the sum of its
codes' embeddings, and a small one over the codes of the item to come. A history of n items gives n - 1 lessons in one
pass over n places; TIGER (`tiger`) reads levels * n tokens for each of them. Output weights are the codes' embeddings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from semid.downstream.sequences import NO_ITEM, Histories
from semid.downstream.transformer import Block, Pair, RelativeBias, initialise, of_parents
from semid.downstream.vocabulary import Vocabulary


@dataclass(frozen=True)
class DecoderShape:
    """Sizes of the decoder.

    Args:
        width: Of items and codes.
        layers: Blocks over items.
        code_layers: Blocks over the codes of an item.
        heads: Heads of each block; they share the width.
        hidden: Width of the feed-forward parts.
        dropout: Share of activations dropped while learning.
        history: Most items read of a history, the newest.
    """

    width: int = 128
    layers: int = 2
    code_layers: int = 1
    heads: int = 4
    hidden: int = 512
    dropout: float = 0.2
    history: int = 50


class HistoryDecoder(nn.Module):  # type: ignore[misc]
    """Foretells the ID of the next item from the IDs of the items before it.

    Args:
        ids: The ID (items, levels) of each item, from `Vocabulary.ids`.
        vocabulary: Of the IDs.
        shape: Its sizes.
        seed: Of the first weights.
    """

    def __init__(self, ids: NDArray[np.int32], vocabulary: Vocabulary, shape: DecoderShape, seed: int = 0) -> None:
        super().__init__()
        self.sizes, self.offsets, self.shape = vocabulary.level_sizes, vocabulary.level_offsets, shape
        tokens = np.concatenate([vocabulary.tokens(ids), np.full((1, ids.shape[1]), Vocabulary.PAD)])  # for NO_ITEM
        self.register_buffer("tokens", torch.from_numpy(tokens).long(), persistent=False)
        self.embedding = nn.Embedding(vocabulary.size - vocabulary.users, shape.width)
        self.dropout = nn.Dropout(shape.dropout)
        heads = (shape.heads, shape.width // shape.heads)
        self.blocks, self.code_blocks = (
            nn.ModuleList(Block(shape.width, heads, shape.hidden, shape.dropout) for _ in range(count))
            for count in (shape.layers, shape.code_layers)
        )
        self.distances = RelativeBias(shape.heads, shape.history)
        self.code_distances = RelativeBias(shape.heads, ids.shape[1])
        self.norm, self.code_norm = nn.RMSNorm(shape.width), nn.RMSNorm(shape.width)
        initialise(self, torch.Generator().manual_seed(seed))

    def forward(self, items: Tensor) -> Tensor:
        """Return the mean loss of the items behind the first ones: nats per item, summed over its levels.

        Args:
            items: Item rows (batch, places), oldest at the left, `NO_ITEM` at the right.
        """
        told = items[:, 1:] != NO_ITEM
        answers = self.tokens[items[:, 1:][told]]
        before = self._states(items[:, :-1])[told]
        losses = [
            functional.cross_entropy(logits, answers[:, level] - self.offsets[level])
            for level, logits in enumerate(self._logits(before, answers))
        ]
        return torch.stack(losses).sum()

    def begin(self, items: Tensor) -> Answer:
        """Return a session (see `beam.Session`) that answers histories, none of them empty.

        Args:
            items: Item rows (batch, places), oldest at the left, `NO_ITEM` at the right.
        """
        last = (items != NO_ITEM).sum(dim=1) - 1
        return Answer(self, self._states(items)[torch.arange(len(items)), last])

    def log_probs(self, state: Tensor, level: int) -> Tensor:
        """Return (..., size) the log-probabilities of the codes of `level` in `state` (..., width)."""
        first = self.offsets[level]
        return functional.log_softmax(state @ self.embedding.weight[first : first + self.sizes[level]].T, dim=-1)

    def over_codes(self, x: Tensor, bias: Tensor, pasts: list[Pair] | None) -> tuple[Tensor, list[Pair]]:
        """Return `x` (batch, places, width) behind the blocks over codes, and their caches."""
        after = []
        for layer, block in enumerate(self.code_blocks):
            x, memory = block(x, bias, pasts[layer] if pasts else None)
            after.append(memory)
        return self.code_norm(x), after

    def _states(self, items: Tensor) -> Tensor:
        """Return (batch, places, width) what the items up to each place say of the next."""
        x = self.dropout(self.embedding(self.tokens[items]).sum(dim=2))
        bias = self.distances.causal(items.shape[1])
        for block in self.blocks:
            x, _ = block(x, bias)
        return self.norm(x)

    def _logits(self, before: Tensor, answers: Tensor) -> list[Tensor]:
        """Return per level (n, size) the logits of the codes `answers` (n, levels), given states (n, width)."""
        known = torch.cat([before[:, None], self.embedding(answers[:, :-1])], dim=1)
        states, _ = self.over_codes(self.dropout(known), self.code_distances.causal(known.shape[1]), None)
        return [
            states[:, level] @ self.embedding.weight[first : first + size].T
            for level, (first, size) in enumerate(zip(self.offsets, self.sizes, strict=True))
        ]


class Answer:
    """A `HistoryDecoder` in the middle of a beam search: it keeps keys and values of the codes said so far."""

    def __init__(self, model: HistoryDecoder, states: Tensor) -> None:
        self._model, self._level, self._width = model, 0, 1
        self._bias = model.code_distances.causal(len(model.sizes))
        self._state, self._pasts = model.over_codes(states[:, None], self._bias[:, :1, :1], None)

    def first(self) -> Tensor:
        """See `beam.Session`."""
        return self._model.log_probs(self._state, 0)

    def next(self, parents: Tensor, codes: Tensor) -> Tensor:
        """See `beam.Session`."""
        pasts = of_parents(self._pasts, parents, self._width)
        known = self._model.embedding(codes + self._model.offsets[self._level]).flatten(0, 1)[:, None]
        self._level, self._width = self._level + 1, codes.shape[1]
        bias = self._bias[:, self._level : self._level + 1, : self._level + 1]
        self._state, self._pasts = self._model.over_codes(known, bias, pasts)
        return self._model.log_probs(self._state[:, 0].unflatten(0, codes.shape), self._level)


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
