from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.downstream.transitions import transitions
from semid.errors import InputRefused

SIZES = (3, 4, 5)
SEEDS = st.integers(0, 10**6)


def some_ids(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(SIZES, size=(int(rng.integers(1, 60)), 3)).astype(np.int32)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_tables_hold_the_same_prefixes_as_a_trie(seed):
    """Prefixes of each depth in sorted order are the states; a dictionary of sets says what follows each."""
    ids = some_ids(seed)
    tables = transitions(ids, SIZES)
    states = [()]
    for level, (starts, codes) in enumerate(zip(tables.starts, tables.codes, strict=True)):
        followed = [sorted({int(row[level]) for row in ids if tuple(row[:level]) == state}) for state in states]
        assert [codes[a:b].tolist() for a, b in pairwise(starts)] == followed
        states = [(*state, code) for state, after in zip(states, followed, strict=True) for code in after]
        edges = {
            (int(s), int(c)): int(e)
            for s, c in np.argwhere(tables.dense(level) >= 0)
            for e in [tables.dense(level)[s, c]]
        }
        assert edges == {
            (s, code): e for e, (s, code) in enumerate((s, c) for s, after in enumerate(followed) for c in after)
        }
    assert tables.ids == len(states)
    assert [tables.items[a:b].tolist() for a, b in pairwise(tables.buckets)] == [
        np.flatnonzero((ids == state).all(axis=1)).tolist() for state in states
    ]


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_exactly_the_ids_of_items_are_found(seed):
    ids = some_ids(seed)
    every = np.stack(np.meshgrid(*(np.arange(-1, size + 1) for size in SIZES), indexing="ij"), axis=-1).reshape(-1, 3)
    known = {tuple(row): n for n, row in enumerate(np.unique(ids, axis=0).tolist())}
    found = transitions(ids, SIZES).find(every.astype(np.int32))
    assert found.tolist() == [known.get(tuple(row), -1) for row in every.tolist()]


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(1, 12))
def test_buckets_are_expanded_in_the_order_of_the_ids_and_of_their_items(seed, k):
    ids = some_ids(seed)
    names = np.arange(len(ids))[::-1] + 100
    tables = transitions(ids, SIZES, items=names)
    lists = np.random.default_rng(seed).integers(-1, tables.ids, size=(3, 4))
    sorted_ids = np.unique(ids, axis=0)
    for numbers, items in zip(lists, tables.expand(lists, k), strict=True):
        members = [names[(ids == sorted_ids[n]).all(axis=1)].tolist() for n in numbers if n >= 0]
        expected = [item for bucket in members for item in bucket][:k]
        assert items.tolist() == expected + [-1] * (k - len(expected))


def test_a_whitelist_is_the_tables_of_its_items():
    ids = np.array([[0, 0], [0, 1], [1, 1]], np.int32)
    in_stock = np.array([True, False, True])
    tables = transitions(ids[in_stock], (2, 2), items=np.flatnonzero(in_stock))
    assert tables.find(ids).tolist() == [0, -1, 1]
    assert tables.expand(np.array([[1, 0]]), 3).tolist() == [[2, 0, -1]]


@pytest.mark.parametrize(
    ("ids", "sizes", "message"),
    [
        (np.zeros((0, 2)), (2, 2), "no IDs"),
        (np.zeros((1, 2)), (2, 2, 2), "2 levels, the sizes 3"),
        (np.array([[0, 2], [-1, 2]]), (2, 2), "3 codes are outside.*level 1: 1 codes outside 0..1; level 2: 2 codes"),
    ],
)
def test_ids_that_make_no_tables_are_refused(ids, sizes, message):
    with pytest.raises(InputRefused, match=message):
        transitions(ids.astype(np.int32), sizes)
