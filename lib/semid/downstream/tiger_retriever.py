"""TIGER as a generator of next items: a lesson is a user token, the tokens of a history, and the ID that follows."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semid.downstream.corpus import KnownIds
from semid.downstream.plan import Plan, shaped
from semid.downstream.sequences import Histories, lessons
from semid.downstream.tiger import Answer, Tiger, TigerShape
from semid.downstream.vocabulary import item_tokens


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
        """Return batches of the lessons of `batch` users each: tokens (n, places) and IDs (n, levels)."""
        log = log.of(log.lengths >= 2)
        order = np.random.default_rng([self.plan.seed, epoch]).permutation(len(log))
        parts = [order[start : start + self.plan.batch] for start in range(0, len(order), self.plan.batch)]
        told = [lessons(log.of(rows), self.plan.history) for rows in parts]
        return [(self._read(part.histories), torch.from_numpy(self.known.ids[part.targets]).long()) for part in told]

    def begin(self, log: Histories) -> Answer:
        """Return a session that answers histories."""
        return self.model.begin(self._read(log))

    def _read(self, log: Histories) -> Tensor:
        table = log.padded(min(self.plan.history, int(log.lengths.max())))
        users: NDArray[np.int32] = self.known.vocabulary.user_tokens(log.users)
        return torch.from_numpy(np.column_stack([users, item_tokens(table, self.tokens)])).long()
