"""The tree of the prefixes of IDs (torch): a vector per prefix, and which of its siblings is said next.

Hierarchical softmax (Morin and Bengio, AISTATS 2005) over the tree that the codes make: the probability of an ID is the
product of those of its codes, each among the codes that may follow. A prefix's vector is the sum of its last code's,
which all prefixes that end with it share, and its own: a new one is worth what its codes say until it has learnt.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from semid.downstream.transitions import transitions
from semid.downstream.vocabulary import Vocabulary

ROOT = 0
NOWHERE = -1


class Edges(NamedTuple):
    """The children of some prefixes, one behind the other: (edges,) each.

    Args:
        rows: Whose child, by its place among the prefixes asked for.
        nodes: The child.
    """

    rows: Tensor
    nodes: Tensor


class PrefixTree(nn.Module):  # type: ignore[misc]  # torch is untyped here: its types cost mypy a minute
    """Prefixes by number: 0 is the empty one, then those of one code in order, of two, and so on.

    Args:
        ids: The ID (items, levels) of each item, from `Vocabulary.ids`.
        vocabulary: Of the IDs.
        width: Of vectors.
        own: Most vectors of prefixes. When there are more prefixes, the first ones, which are the short ones, have half
            of the vectors for themselves, and the others share the rest by the remainder of their numbers.
    """

    def __init__(self, ids: NDArray[np.int32], vocabulary: Vocabulary, width: int, own: int) -> None:
        super().__init__()
        tables = transitions(ids, vocabulary.level_sizes)
        counts = [len(codes) for codes in tables.codes]
        firsts = np.cumsum([1, *counts])  # number of the first prefix of each depth from 1 on
        begins = [starts[:-1] + first for starts, first in zip(tables.starts, firsts[:-1], strict=True)]
        tokens = [codes + offset for codes, offset in zip(tables.codes, vocabulary.level_offsets, strict=True)]
        parents = np.concatenate([np.repeat(np.arange(len(s) - 1), np.diff(s)) + first
                                  for s, first in zip(tables.starts, [0, *firsts], strict=False)])  # fmt: skip
        nodes = tables.walk(ids) + firsts[:-1]
        known = {
            "begins": np.concatenate([*begins, np.full(counts[-1] + 1, firsts[-1])]),
            "tokens": np.concatenate([[Vocabulary.PAD], *tokens]),
            "keys": parents * vocabulary.size + np.concatenate(tokens),
            "items": np.concatenate([nodes, np.full((1, ids.shape[1]), ROOT)]),  # the last one is NO_ITEM's
        }
        for name, array in known.items():
            self.register_buffer(name, torch.from_numpy(array).long(), persistent=False)
        self.size, self.sizes, self.offsets = vocabulary.size, vocabulary.level_sizes, vocabulary.level_offsets
        numbers, alone = torch.arange(int(firsts[-1])), own // 2
        own_rows = torch.where(numbers < alone, numbers, alone + (numbers - alone) % (own - alone))
        self.register_buffer("own_rows", own_rows, persistent=False)
        self.roots, rows = counts[0], min(own, len(numbers))
        self.code = nn.Embedding(vocabulary.size - vocabulary.users, width)
        self.own, self.bias = nn.Embedding(rows, width), nn.Parameter(torch.zeros(rows))

    def vectors(self, nodes: Tensor) -> Tensor:
        """Return the vectors (..., width) of prefixes (...)."""
        return self.code(self.tokens[nodes]) + self.own(self.own_rows[nodes])

    def child(self, nodes: Tensor, codes: Tensor, level: int) -> Tensor:
        """Return the prefixes that `nodes` make with `codes`, of one shape, of `level` (from 0); `NOWHERE` for none."""
        wanted = nodes * self.size + codes + self.offsets[level]
        edges = torch.searchsorted(self.keys, wanted).clamp(max=len(self.keys) - 1)
        return torch.where(self.keys[edges] == wanted, edges + 1, NOWHERE)

    def edges(self, nodes: Tensor) -> Edges:
        """Return the children of prefixes (n,); `NOWHERE` and whole IDs have none."""
        first = self.begins[nodes]
        counts = (self.begins[nodes + 1] - first).clamp(min=0)  # of `NOWHERE` it would be less
        rows = torch.repeat_interleave(torch.arange(len(nodes), device=nodes.device), counts)
        before = counts.cumsum(0) - counts
        return Edges(rows, torch.arange(len(rows), device=nodes.device) + (first - before)[rows])

    def log_probs(self, edges: Edges, queries: Tensor, level: int) -> Tensor:
        """Return the log-probability (edges,) of each edge among those of its row.

        Args:
            edges: Children of n prefixes.
            queries: What is asked (n, width) at each.
            level: Of the children, from 0.
        """
        rows, nodes = edges
        first, own = self.offsets[level], self.own_rows[nodes]
        # All codes of the level at once: for the children alone, a vector each would be fetched twice.
        of_codes = queries @ self.code.weight[first : first + self.sizes[level]].T
        if level:
            of_own = (queries[rows] * self.own(own)).sum(dim=1)
        else:  # the children are the same for all
            of_own = (queries @ self.own(self.own_rows[1 : 1 + self.roots]).T).flatten()
        scores = of_codes[rows, self.tokens[nodes] - first] + of_own + self.bias[own]
        nothing = scores.new_full((len(queries),), -torch.inf)
        largest = nothing.scatter_reduce(0, rows, scores.detach(), "amax")
        shifted = scores - largest[rows]
        return shifted - scores.new_zeros(len(queries)).index_add(0, rows, shifted.exp()).log()[rows]

    def loss(self, nodes: Tensor, children: Tensor, queries: Tensor, level: int) -> Tensor:
        """Return the mean nats it takes to name each of `children` (n,), of `level`, among its siblings.

        Args:
            nodes: Their parents (n,).
            children: Prefixes.
            queries: What is asked (n, width) at each parent.
            level: Of the children, from 0.
        """
        many = self.begins[nodes + 1] - self.begins[nodes] > 1  # an only child takes none
        edges = self.edges(nodes[many])
        told = self.log_probs(edges, queries[many], level)
        return -told[edges.nodes == children[many][edges.rows]].sum() / len(nodes)
