"""What a generator is trained on: every ID that a history names, the item behind it, and the split of the histories."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from semid.downstream.sequences import NO_ITEM, Examples, Histories, Split, catalog_rows
from semid.downstream.transitions import Transitions, transitions
from semid.downstream.vocabulary import Vocabulary

Rows = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class KnownIds:
    """The distinct IDs of a codebook version: those that readers see, and older ones that histories name.

    An ID with its dedup index is given to one item only, so a row is an ID and an item at once.

    Attributes:
        vocabulary: Of the IDs.
        ids: IDs (rows, levels), from `Vocabulary.ids`.
        item_ids: The item (rows,) of each.
        now: The row (rows,) of the ID that each one's item has now; `NO_ITEM` for an item that has none any more.
    """

    vocabulary: Vocabulary
    ids: Rows
    item_ids: NDArray[np.str_]
    now: Rows

    @cached_property
    def tables(self) -> Transitions:
        """The IDs that may be answered; what they stand for are rows."""
        current = np.flatnonzero(self.now == np.arange(len(self.now)))
        return transitions(self.ids[current], self.vocabulary.level_sizes, items=current)

    def save(self, file: Path) -> None:
        """Write the rows as Parquet: item_id, id, now."""
        ids = pa.FixedSizeListArray.from_arrays(pa.array(self.ids.ravel()), self.ids.shape[1])
        pq.write_table(pa.table({"item_id": self.item_ids.tolist(), "id": ids, "now": self.now}), file)

    @classmethod
    def load(cls, file: Path, vocabulary: Vocabulary) -> KnownIds:
        """Return the rows that `save` wrote."""
        rows = pq.read_table(file, page_checksum_verification=True)
        flat = rows["id"].combine_chunks().flatten().to_numpy()
        ids = vocabulary.ids(*_parts(flat.reshape(len(rows), -1).astype(np.int32)))
        return cls(vocabulary, ids, np.array(rows["item_id"].to_pylist()), rows["now"].to_numpy().astype(np.int32))


@dataclass(frozen=True, eq=False)
class Corpus:
    """Histories of rows of `known`, split, and how many examples were left out because their item has no ID now."""

    known: KnownIds
    split: Split
    left_out: int


def corpus(sequences: pa.Table, current: pa.Table, vocabulary: Vocabulary) -> Corpus:
    """Return what is learnt from.

    Args:
        sequences: user_id, item_ids, tokens, train, valid, test; see `frames.sequences`. In order of the users.
        current: item_id and tokens of the IDs that readers see.
        vocabulary: Of the tokens.
    """
    lists = sequences["item_ids"].combine_chunks()
    names = np.array([*current["item_id"].to_pylist(), *lists.flatten().to_pylist()])
    tokens = np.concatenate([_matrix(current["tokens"]), _matrix(sequences["tokens"], nested=True)])
    levels = vocabulary.ids(*_parts(tokens - np.array(vocabulary.level_offsets, np.int32)))
    ids, first, rows = np.unique(levels, axis=0, return_index=True, return_inverse=True)
    rows = rows.reshape(-1)
    place = catalog_rows(names[first], names[: len(current)])
    now = np.where(place == NO_ITEM, NO_ITEM, rows[: len(current)][place]).astype(np.int32)
    known = KnownIds(vocabulary, ids, names[first], now)
    offsets = np.concatenate([[0], np.cumsum(lists.value_lengths().to_numpy())]).astype(np.int64)
    events = rows[len(current) :].astype(np.int32)
    log = Histories(np.array(sequences["user_id"].to_pylist()), offsets, events, np.arange(len(events)))
    valid, test = (_examples(log, sequences[part], now) for part in ("valid", "test"))
    split = Split(log.first(sequences["train"].to_numpy().astype(np.int64)), valid, test)
    asked = sum(len(sequences) - sequences[part].null_count for part in ("valid", "test"))
    return Corpus(known, split, asked - len(valid.targets) - len(test.targets))


def _examples(log: Histories, places: pa.ChunkedArray, now: Rows) -> Examples:
    """Return the histories before the event at each place (users,), and the row that its item has now."""
    there = np.flatnonzero(places.is_valid().to_numpy())
    lengths = places.drop_null().to_numpy().astype(np.int64)
    targets = now[log.items[log.offsets[there] + lengths]]
    kept = targets != NO_ITEM
    return Examples(log.of(there[kept]).first(lengths[kept]), targets[kept])


def _parts(ids: Rows) -> tuple[Rows, Rows]:
    return ids[:, :-1], ids[:, -1]


def _matrix(column: pa.ChunkedArray, nested: bool = False) -> Rows:
    lists = column.combine_chunks()
    lists = lists.flatten() if nested else lists
    return np.asarray(lists.flatten().to_numpy(), np.int32).reshape(len(lists), -1)
