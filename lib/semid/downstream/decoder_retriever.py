"""The compact decoder as a generator of next items: every place of a history is a lesson."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from semid.downstream import device
from semid.downstream.corpus import KnownIds
from semid.downstream.decoder import DecoderShape, HistoryDecoder, padded_right, rows_by_length
from semid.downstream.plan import Plan, shaped
from semid.downstream.sequences import Histories
from semid.downstream.tree_decoder import Answer


class DecoderRetriever:
    """See `retriever.Retriever`.

    Raises:
        ConfigError: The plan's shape is none of a decoder.
    """

    def __init__(self, known: KnownIds, plan: Plan) -> None:
        shape = shaped(DecoderShape(history=plan.history), plan.shape)
        self.plan, self.model = plan, HistoryDecoder(known.ids, known.vocabulary, shape, plan.seed)

    def batches(self, log: Histories, epoch: int) -> list[tuple[Tensor, ...]]:
        """Return batches of histories (batch, places)."""
        rng = np.random.default_rng([self.plan.seed, epoch])
        rows = rows_by_length(log, self.plan.history + 1, self.plan.batch, rng)
        return [(torch.from_numpy(table).long(),) for table in rows]

    def begin(self, log: Histories) -> Answer:
        """Return a session that answers histories."""
        items = torch.from_numpy(padded_right(log.last(self.plan.history))).long()
        return self.model.begin(items.to(device.of(self.model)))
