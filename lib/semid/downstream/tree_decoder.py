"""A decoder that says an ID down the tree of its prefixes (torch), whatever it has read: the part that is one for all.

What was read is a vector per request. From it and the sum of the prefixes said so far comes what is asked of the last
one's children, see `prefix_tree`. `decoder` reads histories, `query_decoder` queries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from semid.downstream.prefix_tree import ROOT, PrefixTree
from semid.downstream.vocabulary import Vocabulary

ROWS = 2_048
"""Prefixes whose children are compared at once while answering: of 150 each, 128 wide, 0.5 GB."""


@dataclass(frozen=True)
class TreeShape:
    """Sizes of the model.

    Args:
        width: Of what was read, and of prefixes.
        dropout: Share of activations dropped while learning.
        prefixes: Most prefixes with a vector of their own, see `PrefixTree`.
    """

    width: int = 128
    dropout: float = 0.5
    prefixes: int = 65_536


class TreeDecoder(nn.Module):  # type: ignore[misc]  # torch is untyped here: its types cost mypy a minute
    """The parts of a decoder that reads something and says an ID; a reader's class fills their first weights.

    Args:
        ids: The ID (items, levels) of each item, from `Vocabulary.ids`; it says no others.
        vocabulary: Of the IDs.
        shape: Its sizes.
        reader: Parts that read, by the name they get; the order of all parts is that in which weights are drawn.
    """

    def __init__(
        self, ids: NDArray[np.int32], vocabulary: Vocabulary, shape: TreeShape, reader: Mapping[str, nn.Module]
    ) -> None:
        super().__init__()
        self.sizes, self.width = vocabulary.level_sizes, shape.width
        self.tree = PrefixTree(ids, vocabulary, shape.width, shape.prefixes)
        self.dropout = nn.Dropout(shape.dropout)
        for name, part in reader.items():
            self.add_module(name, part)
        self.of_read = nn.ModuleList(nn.Linear(shape.width, shape.width, bias=False) for _ in self.sizes)
        self.of_prefix = nn.ModuleList(nn.Linear(shape.width, shape.width, bias=False) for _ in self.sizes[1:])

    def loss(self, read: Tensor, paths: Tensor) -> Tensor:
        """Return the mean loss in nats per ID, summed over its levels.

        Args:
            read: What was read (n, width).
            paths: The prefixes (n, levels) of the ID that is to be said after each, rows of `tree.items`.
        """
        said, nodes, losses = torch.zeros_like(read), torch.full_like(paths[:, 0], ROOT), []
        for level, children in enumerate(paths.T):
            losses.append(self.tree.loss(nodes, children, self.queries(read, said, level), level))
            said, nodes = said + self.dropout(self.tree.vectors(children)), children
        return torch.stack(losses).sum()

    def queries(self, read: Tensor, said: Tensor, level: int) -> Tensor:
        """Return (n, width) what is asked of the children at `level`, from what was read and the prefixes' sums."""
        asked = self.of_read[level](read)
        return asked + self.of_prefix[level - 1](said) if level else asked


class Answer:
    """A `TreeDecoder` in the middle of a beam search: each hypothesis has its prefix and the sum of its vectors."""

    def __init__(self, model: TreeDecoder, states: Tensor) -> None:
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
        requests = torch.arange(len(self._states), device=self._nodes.device).repeat_interleave(self._nodes.shape[1])
        asked = zip(requests.split(ROWS), self._nodes.flatten().split(ROWS), self._said.flatten(0, 1).split(ROWS),
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
