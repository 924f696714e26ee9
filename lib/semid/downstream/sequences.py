"""User histories as flat arrays, the splits that judge a recommender, and codes as tokens.

A history is a run of one flat array: history u is `items[offsets[u]:offsets[u + 1]]`, as in CSR matrices. Items are row
numbers of a catalog, so that nothing here depends on what an item id looks like.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from semid.errors import InputRefused

Ints = NDArray[np.int64]
Rows = NDArray[np.int32]

NO_ITEM = -1


@dataclass(frozen=True)
class Histories:
    """What each user took, oldest first.

    Args:
        users: Keys (n,) of the users.
        offsets: Where each history begins in `items` (n + 1,); the last is their number.
        items: Rows (events,) of the catalog.
        times: Positions or timestamps (events,), never falling within a history.
    """

    users: NDArray[Any]
    offsets: Ints
    items: Rows
    times: NDArray[Any]

    def __len__(self) -> int:
        return len(self.users)

    @property
    def lengths(self) -> Ints:
        """Events (n,) of each history."""
        return np.diff(self.offsets)

    def first(self, lengths: Ints) -> Histories:
        """Return the histories cut to their first `lengths` (n,) events; empty ones stay."""
        place = np.arange(len(self.items)) - np.repeat(self.offsets[:-1], self.lengths)
        return self._kept(place < np.repeat(lengths, self.lengths))

    def last(self, length: int) -> Histories:
        """Return the histories cut to their last `length` events."""
        to_come = np.repeat(self.offsets[1:], self.lengths) - np.arange(len(self.items))
        return self._kept(to_come <= length)

    def of(self, rows: NDArray[Any]) -> Histories:
        """Return the histories of the users in `rows` (m,) (numbers or a mask), in that order."""
        rows = np.arange(len(self))[rows]
        events = _ranges(self.offsets[rows], self.lengths[rows])
        return Histories(self.users[rows], _offsets(self.lengths[rows]), self.items[events], self.times[events])

    def padded(self, length: int) -> Rows:
        """Return (n, length) the last `length` items of each history, newest at the right, `NO_ITEM` at the left."""
        recent = self.last(length)
        table = np.full((len(self), length), NO_ITEM, np.int32)
        table[np.arange(length) >= length - recent.lengths[:, None]] = recent.items
        return table

    def _kept(self, mask: NDArray[np.bool_]) -> Histories:
        """Return the histories with only the events in `mask` (events,)."""
        before = np.concatenate([[0], np.cumsum(mask)])
        return Histories(self.users, before[self.offsets], self.items[mask], self.times[mask])


class Examples(NamedTuple):
    """Histories (n), none of them empty, and the item (n,) that came next in each."""

    histories: Histories
    targets: Rows


class Split(NamedTuple):
    """Histories to learn from, and examples to choose and to judge a model by."""

    train: Histories
    valid: Examples
    test: Examples


def catalog_rows(item_ids: Sequence[str] | NDArray[Any], catalog: Sequence[str] | NDArray[Any]) -> Rows:
    """Return (events,) the place of each id in `catalog` (items,), any order; `NO_ITEM` for an id it lacks.

    The caller drops those and counts them.

    Raises:
        InputRefused: When the catalog names an item twice.
    """
    ids = np.asarray(catalog, dtype=np.str_)
    order = np.argsort(ids, kind="stable")
    known = ids[order]
    if twice := sorted(set(known[1:][known[1:] == known[:-1]].tolist())):
        raise InputRefused(
            f"{len(twice)} items are in the catalog more than once",
            problems=twice,
            next_step="Give one row per item: the current ones of one codebook version.",
        )
    asked = np.asarray(item_ids, dtype=np.str_)
    place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    return np.where(known[place] == asked, order[place], NO_ITEM).astype(np.int32)


def histories(users: ArrayLike, items: ArrayLike, times: ArrayLike) -> Histories:
    """Return the histories of interactions, sorted by user, time and item row: a total order but for equal events.

    Args:
        users: Keys (events,), any sortable type.
        items: Rows (events,) of the catalog.
        times: Positions or timestamps (events,). Positions make the order of events of one day the feed's;
            with timestamps the item row decides it, which keeps shuffled input equal and means nothing.

    Raises:
        InputRefused: Lists arrays of different lengths, times that are missing, and rows below 0.
    """
    keys, rows, when = np.asarray(users), np.asarray(items), np.asarray(times)
    _check_events(keys, rows, when)
    order = np.lexsort((rows, when, keys))
    named, starts = np.unique(keys[order], return_index=True)
    offsets = np.append(starts, len(keys)).astype(np.int64)
    return Histories(named, offsets, rows[order].astype(np.int32), when[order])


def leave_one_out(log: Histories) -> Split:
    """Return the last item of each history as test, the one before as validation, the rest to learn from.

    The protocol of SASRec (arXiv 1808.09781) and TIGER (arXiv 2305.05065). A history under three events has nothing
    left to learn from and be judged on; it is learnt from as a whole.
    """
    judged = log.lengths >= 3
    train = log.first(np.where(judged, log.lengths - 2, log.lengths))
    long = log.of(judged)
    return Split(train, _next_after(long, long.lengths - 2), _next_after(long, long.lengths - 1))


def split_by_time(log: Histories, valid_from: Any, test_from: Any) -> Split:
    """Return what came before `valid_from` to learn from, and per user the first event from each day on to foretell.

    An example's history is all that came before its day, so that no model sees the future of another user either;
    later events of one period are left out, for they would need it. Users without a history have no example.

    Args:
        log: Histories by timestamp.
        valid_from: First moment of validation, comparable with the times.
        test_from: First moment of the test, which ends validation.

    Raises:
        InputRefused: When `valid_from` is not before `test_from`.
    """
    if not valid_from < test_from:
        raise InputRefused(
            f"validation from {valid_from} does not begin before the test from {test_from}",
            next_step="Give two moments in order.",
        )
    before_valid, before_test = _count_before(log, valid_from), _count_before(log, test_from)
    in_valid = (before_valid > 0) & (before_valid < before_test)
    in_test = (before_test > 0) & (before_test < log.lengths)
    return Split(
        log.first(before_valid),
        _next_after(log.of(in_valid), before_valid[in_valid]),
        _next_after(log.of(in_test), before_test[in_test]),
    )


@dataclass(frozen=True)
class Vocabulary:
    """Codes, dedup indexes and users as tokens of one range, as in TIGER (arXiv 2305.05065, section 4).

    A token is the offset of its kind plus the value: 0 pads, 1 begins an answer, then the codes of level 1, of level 2,
    and so on, the dedup indexes as one further level, and the users' buckets.

    Args:
        sizes: Codes per level.
        duplicates: Values of the dedup index, the largest + 1; 0 leaves the level out, and an ID then names a bucket.
        users: Buckets that users are hashed to, 2,000 in the paper; 0 for none.
    """

    sizes: tuple[int, ...]
    duplicates: int
    users: int = 2000

    PAD = 0
    BEGIN = 1

    @property
    def level_sizes(self) -> tuple[int, ...]:
        """Tokens of each level of an ID, with that of the dedup index."""
        return (*self.sizes, self.duplicates) if self.duplicates else self.sizes

    @property
    def level_offsets(self) -> tuple[int, ...]:
        """First token of each level."""
        ends = np.cumsum((2, *self.level_sizes))
        return tuple(int(end) for end in ends[:-1])

    @property
    def size(self) -> int:
        """All tokens."""
        return 2 + sum(self.level_sizes) + self.users

    def ids(self, codes: ArrayLike, dedup_index: ArrayLike) -> Rows:
        """Return the IDs (n, levels): `codes` (n, len(sizes)) with the dedup indexes (n,) as the last level, if any.

        Raises:
            InputRefused: Lists each level with the number of its values that do not fit.
        """
        ids = np.asarray(codes, np.int32).reshape(-1, len(self.sizes))
        if self.duplicates:
            ids = np.column_stack([ids, np.asarray(dedup_index, np.int32)])
        outside = ((ids < 0) | (ids >= self.level_sizes)).sum(axis=0)
        if outside.any():
            raise InputRefused(
                f"{int(outside.sum())} values are outside the vocabulary",
                problems=[
                    f"level {level + 1}: {int(n)} values outside 0..{self.level_sizes[level] - 1}"
                    for level, n in enumerate(outside)
                    if n
                ],
                next_step="Build the vocabulary from the codebook's sizes and the largest dedup index.",
            )
        return np.ascontiguousarray(ids)

    def tokens(self, ids: Rows) -> Rows:
        """Return the tokens (n, levels) of IDs (n, levels)."""
        return (ids + np.array(self.level_offsets, np.int32)).astype(np.int32)

    def user_tokens(self, keys: ArrayLike) -> Rows:
        """Return the token (n,) of each user's bucket: a hash of the printed key, the same on every machine."""
        named, back = np.unique(np.asarray(keys).astype(np.str_), return_inverse=True)
        digests = (hashlib.blake2b(key.encode(), digest_size=8).digest() for key in named.tolist())
        buckets = np.array([int.from_bytes(digest, "little") % self.users for digest in digests], np.int32)
        return (self.size - self.users + buckets[back]).astype(np.int32)


def item_tokens(table: Rows, tokens: Rows) -> Rows:
    """Return (n, length * levels) the tokens of padded histories `table` (n, length), `Vocabulary.PAD` for no item.

    Args:
        table: Item rows, `NO_ITEM` where there is none.
        tokens: The tokens (items, levels) of each item.
    """
    levels = tokens.shape[1]
    padded = np.concatenate([tokens, np.full((1, levels), Vocabulary.PAD, np.int32)])
    return padded[table].reshape(len(table), -1)  # NO_ITEM is -1, the appended row


def _next_after(log: Histories, lengths: Ints) -> Examples:
    """Return the first `lengths` (n,) events of each history with the event behind them."""
    return Examples(log.first(lengths), log.items[log.offsets[:-1] + lengths])


def _count_before(log: Histories, moment: Any) -> Ints:
    """Return (n,) how many events of each history came before `moment`."""
    before = np.concatenate([[0], np.cumsum(log.times < moment)])
    return np.diff(before[log.offsets])


def _ranges(starts: Ints, lengths: Ints) -> Ints:
    """Return the numbers from each start on, `lengths` many, one range behind the other."""
    return np.arange(lengths.sum()) + np.repeat(starts - _offsets(lengths)[:-1], lengths)


def _offsets(lengths: Ints) -> Ints:
    """Return (n + 1,) where each of the ranges begins, and the end of the last."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _check_events(users: NDArray[Any], items: NDArray[Any], times: NDArray[Any]) -> None:
    """Raise InputRefused when the columns of interactions do not make histories."""
    problems = []
    if not len(users) == len(items) == len(times):
        problems.append(f"{len(users)} users, {len(items)} items and {len(times)} times")
    if below := int(np.count_nonzero(items < 0)):
        problems.append(f"{below} item rows below 0: not in the catalog")
    if missing := int(np.count_nonzero(np.isnat(times) if times.dtype.kind == "M" else np.isnan(times))):
        problems.append(f"{missing} times are missing")
    if problems:
        raise InputRefused(
            "interactions do not make histories",
            problems=problems,
            next_step="Drop and count events whose item or time is unknown.",
        )
