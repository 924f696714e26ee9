"""TIGER as a generator of next items: a lesson is a user token, the tokens of a history, and the ID that follows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semid.downstream import device
from semid.downstream.corpus import KnownIds
from semid.downstream.plan import Plan, shaped
from semid.downstream.sequences import Histories, lessons
from semid.downstream.tiger import Answer, Tiger, TigerShape
from semid.downstream.vocabulary import item_tokens

SORTED_TOGETHER = 16
"""Batches whose lessons are sorted by length together.

Lessons are as long as their history. Padded to the longest in a step, half of Beauty's places were empty with
histories of ten and two thirds with twenty; so it is 6 and 8 %.
"""


class TigerRetriever:
    """See `retriever.Retriever`.

    Raises:
        ConfigError: The plan's shape is none of TIGER's.
    """

    def __init__(self, known: KnownIds, plan: Plan) -> None:
        shape = shaped(TigerShape(reach=plan.history * known.ids.shape[1]), plan.shape)
        self.plan, self.known, self.model = plan, known, Tiger(known.vocabulary, shape, seed=plan.seed)
        self.tokens = known.vocabulary.tokens(known.ids)

    def batches(self, log: Histories, epoch: int) -> list[tuple[Tensor, ...]]:
        """Return batches of as many lessons as `batch` users have: tokens (n, places) and IDs (n, levels)."""
        log, rng = log.of(log.lengths >= 2), np.random.default_rng([self.plan.seed, epoch])
        order, together = rng.permutation(len(log)), self.plan.batch * SORTED_TOGETHER
        pools = [log.of(order[start : start + together]) for start in range(0, len(order), together)]
        parts = [part for pool in pools for part in self._of_like_length(pool)]
        return [parts[number] for number in rng.permutation(len(parts))]

    def _of_like_length(self, log: Histories) -> Iterator[tuple[Tensor, ...]]:
        told = lessons(log, self.plan.history)
        order = np.argsort(told.histories.lengths, kind="stable")
        for rows in np.array_split(order, -(-len(log) // self.plan.batch)):
            yield self._read(told.histories.of(rows)), torch.from_numpy(self.known.ids[told.targets[rows]]).long()

    def begin(self, log: Histories) -> Answer:
        """Return a session that answers histories."""
        return self.model.begin(self._read(log).to(device.of(self.model)))

    def _read(self, log: Histories) -> Tensor:
        table = log.padded(min(self.plan.history, int(log.lengths.max())))
        users: NDArray[np.int32] = self.known.vocabulary.user_tokens(log.users)
        return torch.from_numpy(np.column_stack([users, item_tokens(table, self.tokens)])).long()
