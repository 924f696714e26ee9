"""Beam search over the valid IDs only (torch): the tables of `transitions` as gathers, no trie in the loop.

A hypothesis scores the sum of the log-probabilities of its codes. The rule takes codes away and does not renormalise
what is left, as Hugging Face `generate` with `prefix_allowed_tokens_fn`: the same IDs, in the same order.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from semid.downstream.transitions import Transitions

DENSE_CELLS = 1 << 20
"""A level with at most so many prefixes times codes has a dense table (4 MiB): one gather in place of three."""


class Session(Protocol):
    """A model in the middle of answering a batch of requests; it keeps what it computed."""

    def first(self) -> Tensor:
        """Return log-probabilities (batch, 1, size) of the codes of the first level."""

    def next(self, parents: Tensor, codes: Tensor) -> Tensor:
        """Return log-probabilities (batch, width, size) of the next level.

        Args:
            parents: The hypothesis (batch, width) of the step before that each one goes on from.
            codes: The code (batch, width) it went on with.
        """


class Candidates(NamedTuple):
    """How each hypothesis may go on: (batch, width, choices) each.

    Args:
        log_probs: Of the code, -inf where there is no such choice.
        codes: The code.
        states: The prefix it leads to.
    """

    log_probs: Tensor
    codes: Tensor
    states: Tensor


class Rule(Protocol):
    """What may follow a prefix."""

    sizes: tuple[int, ...]

    def candidates(self, level: int, states: Tensor, log_probs: Tensor) -> Candidates:
        """Return how prefixes `states` (batch, width) go on at `level`, given `log_probs` (batch, width, size)."""


class Hypotheses(NamedTuple):
    """What a search found, best first.

    Args:
        ids: Codes (batch, width, levels).
        numbers: Their numbers (batch, width) in the tables; -1 for no ID, when there are fewer valid ones than `width`.
        scores: Sums of log-probabilities (batch, width); -inf for no ID.
    """

    ids: Tensor
    numbers: Tensor
    scores: Tensor


class OnlyValid:
    """Only what leads to an ID of the tables.

    Args:
        tables: The valid IDs.
        device: Where the search runs.
    """

    def __init__(self, tables: Transitions, device: str | torch.device = "cpu") -> None:
        self.sizes = tables.sizes
        self._levels = [_level(tables, level, device) for level in range(len(tables.sizes))]

    def candidates(self, level: int, states: Tensor, log_probs: Tensor) -> Candidates:
        """See `Rule`."""
        return self._levels[level].candidates(states, log_probs)


class Anything:
    """Any code of each level: what the model would say by itself, to count how much of it is no ID."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self.sizes = sizes

    def candidates(self, level: int, states: Tensor, log_probs: Tensor) -> Candidates:  # noqa: ARG002 - see `Rule`
        """See `Rule`."""
        codes = torch.arange(self.sizes[level], device=log_probs.device).expand(log_probs.shape)
        return Candidates(log_probs, codes, torch.zeros_like(codes))


@torch.inference_mode()  # type: ignore[untyped-decorator]
def search(session: Session, rule: Rule, width: int) -> Hypotheses:
    """Return the `width` best IDs that a beam of that width finds.

    With a width of at least the number of prefixes of every depth but the last it is exact. Equal scores are in the
    order of `torch.topk`: repeatable on one machine and batch shape.
    """
    log_probs = session.first()
    scores = log_probs.new_zeros(log_probs.shape[:2])
    states = torch.zeros(scores.shape, dtype=torch.long, device=scores.device)
    ids = states.new_empty((*scores.shape, 0))
    for level in range(len(rule.sizes)):
        choices = rule.candidates(level, states, log_probs)
        totals = (scores[..., None] + choices.log_probs).flatten(1)
        scores, chosen = totals.topk(min(width, totals.shape[1]))
        parents = chosen // choices.codes.shape[2]
        codes = choices.codes.flatten(1).gather(1, chosen)
        states = choices.states.flatten(1).gather(1, chosen).long()
        ids = torch.cat([_of_parents(ids, parents), codes[..., None]], dim=2)
        if level + 1 < len(rule.sizes):
            log_probs = session.next(parents, codes)
    return Hypotheses(ids, torch.where(scores.isneginf(), -1, states), scores)


class _Dense:
    """A level with one row per prefix and one cell per code."""

    def __init__(self, table: Tensor) -> None:
        self.table = table

    def candidates(self, states: Tensor, log_probs: Tensor) -> Candidates:
        after = self.table[states]
        codes = torch.arange(self.table.shape[1], device=states.device).expand(after.shape)
        return Candidates(log_probs.masked_fill(after < 0, -torch.inf), codes, after.clamp(min=0))


class _Sparse:
    """A level as a CSR matrix; as wide as its fullest prefix."""

    def __init__(self, starts: Tensor, codes: Tensor) -> None:
        self.starts, self.codes = starts, codes
        self.choices = torch.arange(int(starts.diff().max()), device=starts.device)

    def candidates(self, states: Tensor, log_probs: Tensor) -> Candidates:
        edges = self.starts[states][..., None] + self.choices
        beyond = edges >= self.starts[states + 1][..., None]
        edges = edges.clamp(max=len(self.codes) - 1)
        codes = self.codes[edges]
        return Candidates(log_probs.gather(2, codes).masked_fill(beyond, -torch.inf), codes, edges)


def _level(tables: Transitions, level: int, device: str | torch.device) -> _Dense | _Sparse:
    """Return a level of the tables on `device`, dense when it is small enough."""
    starts, codes = tables.starts[level], tables.codes[level]
    if (len(starts) - 1) * tables.sizes[level] <= DENSE_CELLS:
        return _Dense(torch.from_numpy(tables.dense(level)).to(device))
    return _Sparse(torch.from_numpy(starts).long().to(device), torch.from_numpy(codes).long().to(device))


def _of_parents(values: Tensor, parents: Tensor) -> Tensor:
    """Return (batch, width, ...) the rows of `values` (batch, old width, ...) that `parents` (batch, width) name."""
    index = parents.reshape(*parents.shape, *[1] * (values.dim() - 2)).expand(-1, -1, *values.shape[2:])
    return values.gather(1, index)
