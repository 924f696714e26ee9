"""A real catalog with its users: what the benchmarks of recommenders and rankers share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from semid.downstream.sequences import Examples, Histories, Split, catalog_rows, histories, leave_one_out
from semid.tables.query import open_reader


@dataclass(frozen=True)
class Shop:
    """Items by item id: vectors (items, d), codes (items, levels), dedup indexes; histories split leave-one-out."""

    item_ids: list[str]
    x: np.ndarray
    codes: np.ndarray
    dedup_index: np.ndarray
    sizes: tuple[int, ...]
    split: Split

    @property
    def items(self) -> int:
        return len(self.item_ids)

    def trained(self, split: Split) -> np.ndarray:
        return np.bincount(split.train.items, minlength=self.items)


def read_shop(warehouse: str, interactions: str) -> Shop:
    reader = open_reader(warehouse)
    rows = reader.mappings(
        "SELECT i.item_id, i.codes, i.dedup_index, e.embedding FROM semantic_id_current i JOIN item_embedding e USING (content_hash)"
        " ORDER BY i.item_id"
    )
    (codebook,) = reader.mappings(
        "SELECT codebook_sizes FROM codebook WHERE codebook_version IN"
        " (SELECT any_value(codebook_version) FROM semantic_id_current)"
    )
    ids = [row["item_id"] for row in rows]
    log = pd.read_parquet(interactions)
    past = histories(log.user_id.to_numpy(), catalog_rows(log.item_id.to_numpy(), ids), log.position.to_numpy())
    return Shop(
        ids,
        np.array([row["embedding"] for row in rows], np.float32),
        np.array([row["codes"] for row in rows], np.int32),
        np.array([row["dedup_index"] for row in rows], np.int32),
        tuple(codebook["codebook_sizes"]),
        leave_one_out(past),
    )


def unseen_items(shop: Shop, share: float, seed: int) -> np.ndarray:
    """Which items (items,) training must not see: a random share of those that are test targets."""
    wanted = np.unique(shop.split.test.targets)
    chosen = np.random.default_rng(seed).permutation(wanted)[: round(share * len(wanted))]
    return np.isin(np.arange(shop.items), chosen)


def without(split: Split, cold: np.ndarray) -> Split:
    """The split with cold items in no history, and with no validation by them; users left without a history drop out."""
    valid, test = (Examples(_less(part.histories, cold), part.targets) for part in (split.valid, split.test))
    return Split(_less(split.train, cold), _kept(valid, ~cold[valid.targets]), _kept(test, test.targets >= 0))


def _kept(part: Examples, rows: np.ndarray) -> Examples:
    rows = rows & (part.histories.lengths > 0)
    return Examples(part.histories.of(rows), part.targets[rows])


def _less(log: Histories, cold: np.ndarray) -> Histories:
    warm = ~cold[log.items]
    offsets = np.concatenate([[0], np.cumsum(warm)])[log.offsets]
    return Histories(log.users, offsets, log.items[warm], log.times[warm])
