"""TIGER (torch): an encoder-decoder Transformer from the tokens of a history to the ID of the next item.

Rajput and others, arXiv 2305.05065; the default shape is the paper's: 4 + 4 layers, width 128, 6 heads of 64,
feed-forward 1,024, dropout 0.1. As in T5 (arXiv 1910.10683): relative positions, RMS norms, ReLU, no biases, one
embedding table. Two differences: attention scores are divided by the root of the head width, and each place of an
answer chooses among the codes of its own level, so a token of another level cannot be said.

With the words of a query for its input it is DSI (arXiv 2202.06991), see `dsi`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from semid.downstream.transformer import Attention, Block, Pair, RelativeBias, initialise, of_parents
from semid.downstream.vocabulary import Vocabulary


@dataclass(frozen=True)
class TigerShape:
    """Sizes of the model; the defaults are the paper's.

    Args:
        width: Of tokens.
        layers: Blocks of the encoder, and as many of the decoder.
        heads: Heads of each attention.
        head_width: Width of each head.
        hidden: Width of the feed-forward parts.
        dropout: Share of activations dropped while learning.
        reach: Largest distance between tokens that has a number of its own; 20 items of 4 levels and a user are 81.
    """

    width: int = 128
    layers: int = 4
    heads: int = 6
    head_width: int = 64
    hidden: int = 1024
    dropout: float = 0.1
    reach: int = 80


class Read(NamedTuple):
    """What a block of the decoder looks at.

    Args:
        memory: Its keys and values of the tokens read.
        hidden: -inf for padding, else 0 (batch, 1, 1, places).
    """

    memory: Pair
    hidden: Tensor


class AnswerBlock(nn.Module):  # type: ignore[misc]
    """A block of the decoder: what was said, then what was read, then the feed-forward part."""

    def __init__(self, shape: TigerShape) -> None:
        super().__init__()
        self.block = Block(shape.width, (shape.heads, shape.head_width), shape.hidden, shape.dropout)
        self.norm = nn.RMSNorm(shape.width)
        self.cross = Attention(shape.width, shape.heads, shape.head_width)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, bias: Tensor, read: Read, past: Pair | None) -> tuple[Tensor, Pair]:
        """Return (batch * width, places, width) and the cache of what was said.

        Args:
            x: Answers in the making (batch * width, places, width), `width` of them for each request in `read`.
            bias: Of the self-attention.
            read: What the requests said, for this block.
            past: Keys and values of the places before those of `x`.
        """
        said, cache = self.block.attended(x, bias, past)
        # all answers of a request are queries to the one copy of its keys and values
        asking = self.norm(said).reshape(len(read.hidden), -1, x.shape[2])
        found = self.cross(asking, read.memory, read.hidden).view_as(x)
        return self.block.fed(said + self.dropout(found)), cache


class Tiger(nn.Module):  # type: ignore[misc]
    """Foretells an ID from tokens.

    Args:
        vocabulary: Of the IDs and users.
        shape: Its sizes.
        others: Further input tokens behind the vocabulary's, such as words.
        seed: Of the first weights.
    """

    def __init__(self, vocabulary: Vocabulary, shape: TigerShape, others: int = 0, seed: int = 0) -> None:
        super().__init__()
        self.sizes, self.offsets = vocabulary.level_sizes, vocabulary.level_offsets
        self.embedding = nn.Embedding(vocabulary.size + others, shape.width)
        self.dropout = nn.Dropout(shape.dropout)
        heads = (shape.heads, shape.head_width)
        self.encoder = nn.ModuleList(
            Block(shape.width, heads, shape.hidden, shape.dropout) for _ in range(shape.layers)
        )
        self.decoder = nn.ModuleList(AnswerBlock(shape) for _ in range(shape.layers))
        self.distances = RelativeBias(shape.heads, shape.reach)
        self.said_distances = RelativeBias(shape.heads, len(self.sizes))
        self.norm, self.said_norm = nn.RMSNorm(shape.width), nn.RMSNorm(shape.width)
        initialise(self, torch.Generator().manual_seed(seed))

    def forward(self, tokens: Tensor, ids: Tensor) -> Tensor:
        """Return the mean loss in nats per ID, summed over its levels.

        Args:
            tokens: What is read (batch, places), `Vocabulary.PAD` at any place that is empty.
            ids: What comes next (batch, levels).
        """
        said = ids[:, :-1] + torch.tensor(self.offsets[:-1], device=ids.device)
        begin = torch.full_like(ids[:, :1], Vocabulary.BEGIN)
        places = torch.cat([begin, said], dim=1)
        states, _ = self.said(places, self.said_distances.causal(places.shape[1]), self.read(tokens), None)
        losses = [
            functional.nll_loss(self.log_probs(states[:, level], level), ids[:, level])
            for level in range(len(self.sizes))
        ]
        return torch.stack(losses).sum()

    def begin(self, tokens: Tensor) -> Answer:
        """Return a session (see `beam.Session`) that answers `tokens` (batch, places)."""
        return Answer(self, self.read(tokens))

    def read(self, tokens: Tensor) -> list[Read]:
        """Return what each block of the decoder looks at of `tokens` (batch, places)."""
        empty = tokens == Vocabulary.PAD
        empty = empty & ~empty.all(dim=1, keepdim=True)  # a request that says nothing reads its padding
        hidden = torch.zeros(empty.shape, device=tokens.device).masked_fill(empty, -torch.inf)[:, None, None]
        x, bias = self.dropout(self.embedding(tokens)), self.distances(tokens.shape[1]) + hidden
        for block in self.encoder:
            x, _ = block(x, bias)
        x = self.dropout(self.norm(x))
        return [Read(block.cross.keys_values(x), hidden) for block in self.decoder]

    def said(
        self, tokens: Tensor, bias: Tensor, read: list[Read], pasts: list[Pair] | None
    ) -> tuple[Tensor, list[Pair]]:
        """Return the states (batch * width, places, width) of answers `tokens` (batch * width, places), and caches."""
        x, after = self.dropout(self.embedding(tokens)), []
        for layer, block in enumerate(self.decoder):
            x, cache = block(x, bias, read[layer], pasts[layer] if pasts else None)
            after.append(cache)
        return self.said_norm(x), after

    def log_probs(self, states: Tensor, level: int) -> Tensor:
        """Return (..., size) the log-probabilities of the codes of `level` in `states` (..., width)."""
        first = self.offsets[level]
        return functional.log_softmax(states @ self.embedding.weight[first : first + self.sizes[level]].T, dim=-1)


class Answer:
    """A `Tiger` in the middle of a beam search: what it read once, and keys and values of the codes said so far."""

    def __init__(self, model: Tiger, read: list[Read]) -> None:
        self._model, self._read, self._level, self._width = model, read, 0, 1
        self._bias = model.said_distances.causal(len(model.sizes))
        begin = torch.full((len(read[0].hidden), 1), Vocabulary.BEGIN, device=read[0].hidden.device)
        self._states, self._pasts = model.said(begin, self._bias[:, :1, :1], read, None)

    def first(self) -> Tensor:
        """See `beam.Session`."""
        return self._model.log_probs(self._states, 0)

    def next(self, parents: Tensor, codes: Tensor) -> Tensor:
        """See `beam.Session`."""
        pasts = of_parents(self._pasts, parents, self._width)
        tokens = (codes + self._model.offsets[self._level]).flatten()[:, None]
        self._level, self._width = self._level + 1, codes.shape[1]
        bias = self._bias[:, self._level : self._level + 1, : self._level + 1]
        states, self._pasts = self._model.said(tokens, bias, self._read, pasts)
        return self._model.log_probs(states[:, 0].unflatten(0, codes.shape), self._level)
