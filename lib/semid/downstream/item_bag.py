"""Bags of rows as a layer of a torch model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from semid.downstream.bags import Bags


class ItemBag(nn.Module):  # type: ignore[misc]
    """Items in, the sum of their rows out: the table of an embedding, shared as `bags` say.

    Args:
        bags: Which rows stand for which item; kept in the state, so that a saved model knows its IDs.
        width: Of a row.
    """

    def __init__(self, bags: Bags, width: int) -> None:
        super().__init__()
        # one row more, always zero, where a bag is narrower
        self.register_buffer("index", torch.from_numpy(bags.index).long())
        self.table = nn.EmbeddingBag(bags.rows + 1, width, mode="sum", padding_idx=bags.rows)
        # small: rows that never train are noise. With .25 the AUC of raw ids on Beauty falls from .712 to .694
        nn.init.normal_(self.table.weight, std=0.1)
        with torch.no_grad():
            self.table.weight[bags.rows] = 0

    def forward(self, items: Tensor) -> Tensor:
        """Return (..., width) of `items` (...); zeros for -1."""
        rows = self.index[items].masked_fill((items < 0)[..., None], self.table.padding_idx)
        out: Tensor = self.table(rows.flatten(0, -2)).unflatten(0, items.shape)
        return out
