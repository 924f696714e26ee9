"""Which rows of an embedding table stand for an item: what a ranking model looks up and sums.

The number of rows is the size of the table, the thing to compare beside quality: a catalog of N items needs N rows for
raw ids, and sum K_l rows for single codes of K_l values per level.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semid.quantize.base import Codes


@dataclass(frozen=True, eq=False)
class Bags:
    """One bag of rows per item.

    Attributes:
        index: Rows (items, width) int32; `rows`, which is no row, where an item has fewer.
        rows: Rows of the table.
    """

    index: NDArray[np.int32]
    rows: int

    def __post_init__(self) -> None:
        bad = int(((self.index < 0) | (self.index > self.rows)).sum())
        if self.index.ndim != 2 or bad:
            raise ValueError(f"bags {self.index.shape} of {self.rows} rows: {bad} indices name no row")

    @property
    def mean_width(self) -> float:
        """Mean number of rows of an item: look-ups per item at serving."""
        return float((self.index < self.rows).sum() / len(self.index))


def raw_ids(items: int) -> Bags:
    """Return one row per item: the most a model can memorise, and nothing for an item that it never trained on."""
    return Bags(np.arange(items, dtype=np.int32)[:, None], items)


def hashed_ids(item_ids: Sequence[str], rows: int) -> Bags:
    """Return one row per item, which others share at random: BLAKE2b of the item id, modulo `rows`."""
    hashes = [hashlib.blake2b(item.encode(), digest_size=8).digest() for item in item_ids]
    numbers = np.frombuffer(b"".join(hashes), "<u8")
    return Bags((numbers % np.uint64(rows)).astype(np.int32)[:, None], rows)


def side_by_side(parts: Sequence[Bags]) -> Bags:
    """Return bags with the rows of all `parts`, whose tables stand behind each other in one table."""
    rows = sum(part.rows for part in parts)
    columns, before = [], 0
    for part in parts:
        columns.append(np.where(part.index == part.rows, rows, part.index + before))
        before += part.rows
    return Bags(np.concatenate(columns, axis=1).astype(np.int32), rows)


def check_codes(codes: Codes, sizes: Sequence[int]) -> None:
    """Raise ValueError unless `codes` (items, levels) are within `sizes`."""
    if codes.ndim != 2 or codes.shape[1] != len(sizes):
        raise ValueError(f"codes {codes.shape} do not have {len(sizes)} levels")
    if (wrong := (codes < 0) | (codes >= np.array(sizes))).any():
        raise ValueError(f"{int(wrong.any(axis=1).sum())} of {len(codes)} IDs have codes outside sizes {tuple(sizes)}")
