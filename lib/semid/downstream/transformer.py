"""The parts both generators are made of (torch): pre-normed blocks, attention by relative distance, caches per beam."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

Pair = tuple[Tensor, Tensor]
"""Keys and values (batch, heads, places, head width)."""


class Attention(nn.Module):  # type: ignore[misc]  # torch is untyped here: its types cost mypy a minute
    """Multi-head attention (arXiv 1706.03762) without biases, its keys and values given from outside.

    Args:
        width: Of what comes in and goes out.
        heads: Number of heads.
        head_width: Of each head; TIGER's 6 x 64 are three times its width of 128.
    """

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads, self.head_width = heads, head_width
        self.query = nn.Linear(width, heads * head_width, bias=False)
        self.key_value = nn.Linear(width, 2 * heads * head_width, bias=False)
        self.out = nn.Linear(heads * head_width, width, bias=False)

    def keys_values(self, x: Tensor) -> Pair:
        """Return keys and values of `x` (batch, places, width)."""
        keys, values = self.key_value(x).chunk(2, dim=-1)
        return self._split(keys), self._split(values)

    def forward(self, x: Tensor, memory: Pair, bias: Tensor | None) -> Tensor:
        """Return (batch, queries, width): what `x` (batch, queries, width) finds in `memory`.

        Args:
            x: What asks.
            memory: Where it looks.
            bias: Added to the scores, broadcast to (batch, heads, queries, places); -inf hides a place.
        """
        found = functional.scaled_dot_product_attention(self._split(self.query(x)), *memory, attn_mask=bias)
        return self.out(found.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, self.head_width)).transpose(1, 2)


class FeedForward(nn.Module):  # type: ignore[misc]
    """Two linear layers and a ReLU, as in T5 (arXiv 1910.10683)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, hidden, bias=False), nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` (..., width) transformed."""
        return self.down(functional.relu(self.up(x)))


class Block(nn.Module):  # type: ignore[misc]
    """Self-attention and a feed-forward part, each behind an RMS norm (arXiv 1910.07467) and added to what came in."""

    def __init__(self, width: int, heads: tuple[int, int], hidden: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.RMSNorm(width) for _ in range(2))
        self.attention = Attention(width, *heads)
        self.feed_forward = FeedForward(width, hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor, past: Pair | None = None) -> tuple[Tensor, Pair]:
        """Return `x` (batch, places, width) transformed, and the keys and values of the past and of `x`."""
        x, cache = self.attended(x, bias, past)
        return self.fed(x), cache

    def attended(self, x: Tensor, bias: Tensor, past: Pair | None) -> tuple[Tensor, Pair]:
        """Return the first half of the block."""
        normed = self.norms[0](x)
        keys, values = self.attention.keys_values(normed)
        if past is not None:
            keys, values = torch.cat([past[0], keys], dim=2), torch.cat([past[1], values], dim=2)
        return x + self.dropout(self.attention(normed, (keys, values), bias)), (keys, values)

    def fed(self, x: Tensor) -> Tensor:
        """Return the second half of the block."""
        return x + self.dropout(self.feed_forward(self.norms[1](x)))


class RelativeBias(nn.Module):  # type: ignore[misc]
    """A learned number per head and distance, added to attention scores; distances beyond `reach` share the last.

    As in T5 (arXiv 1910.10683) but a number per distance: histories are short, and T5's buckets would merge distances
    from 8 on. It does not see where a history begins, so batches may be padded at the right to any length.
    """

    def __init__(self, heads: int, reach: int) -> None:
        super().__init__()
        self.reach = reach
        self.table = nn.Parameter(torch.zeros(heads, 2 * reach + 1))

    def forward(self, places: int) -> Tensor:
        """Return (heads, places, places)."""
        place = torch.arange(places, device=self.table.device)
        return self.table[:, (place - place[:, None]).clamp(-self.reach, self.reach) + self.reach]

    def causal(self, places: int) -> Tensor:
        """Return (heads, places, places) with -inf for what is still to come."""
        hidden = torch.ones(places, places, dtype=torch.bool, device=self.table.device).triu(1)
        return self(places).masked_fill(hidden, -torch.inf)


def of_parents(pasts: list[Pair], parents: Tensor, width: int) -> list[Pair]:
    """Return the caches of hypotheses (batch * new width) that go on from `parents` (batch, new width).

    Args:
        pasts: Per layer, keys and values (batch * width, heads, places, head width).
        parents: Hypotheses of the step before, by their number in their request.
        width: Hypotheses per request before.
    """
    first = torch.arange(len(parents), device=parents.device)[:, None] * width
    rows = (first + parents).flatten()
    return [(keys[rows], values[rows]) for keys, values in pasts]


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Fill the matrices of `module` from `generator`: standard deviation 1 / sqrt(inputs), .02 for embeddings."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=part.in_features**-0.5, generator=generator)
        elif isinstance(part, nn.Embedding):
            nn.init.normal_(part.weight, std=0.02, generator=generator)
