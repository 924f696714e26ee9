import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.downstream.sequences import (
    NO_ITEM,
    Vocabulary,
    catalog_rows,
    histories,
    item_tokens,
    leave_one_out,
    split_by_time,
)
from semid.errors import InputRefused

EVENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9), st.integers(0, 6)), min_size=1, max_size=40)


def by_hand(events):
    """The same histories as lists: user -> [(time, item), ...]."""
    found = {}
    for user, item, time in sorted(events, key=lambda e: (e[0], e[2], e[1])):
        found.setdefault(user, []).append((time, item))
    return found


def runs(log):
    return [log.items[a:b].tolist() for a, b in zip(log.offsets[:-1], log.offsets[1:], strict=True)]


def built(events):
    users, items, times = map(np.array, zip(*events, strict=True))
    return histories(users, items, times)


@settings(max_examples=25, deadline=None)
@given(EVENTS, st.integers(1, 5), st.randoms())
def test_histories_are_those_of_a_dictionary_whatever_the_order_of_rows(events, length, random):
    expected = by_hand(events)
    log = built(random.sample(events, len(events)))
    assert log.users.tolist() == list(expected)
    assert runs(log) == [[item for _, item in run] for run in expected.values()]
    assert runs(log.last(length)) == [run[-length:] for run in runs(log)]
    assert log.padded(length).tolist() == [
        [NO_ITEM] * (length - len(run)) + run[-length:] if len(run) < length else run[-length:] for run in runs(log)
    ]
    chosen = np.arange(len(log))[::-2]
    assert runs(log.of(chosen)) == [runs(log)[row] for row in chosen]


@settings(max_examples=25, deadline=None)
@given(EVENTS)
def test_leave_one_out_takes_the_last_two_items_and_short_histories_only_train(events):
    log = built(events)
    split = leave_one_out(log)
    long = [run for run in runs(log) if len(run) >= 3]
    assert runs(split.train) == [run[:-2] if len(run) >= 3 else run for run in runs(log)]
    assert runs(split.valid.histories) == [run[:-2] for run in long]
    assert split.valid.targets.tolist() == [run[-2] for run in long]
    assert runs(split.test.histories) == [run[:-1] for run in long]
    assert split.test.targets.tolist() == [run[-1] for run in long]


@settings(max_examples=25, deadline=None)
@given(EVENTS, st.integers(0, 5), st.integers(1, 6))
def test_a_time_split_foretells_the_first_event_of_each_period_from_all_before_it(events, start, days):
    end = start + days
    log = built(events)
    split = split_by_time(log, start, end)
    expected = by_hand(events).values()
    assert runs(split.train) == [[i for t, i in run if t < start] for run in expected]
    for examples, first, stop in ((split.valid, start, end), (split.test, end, 99)):
        wanted = [([i for t, i in run if t < first], [i for t, i in run if first <= t < stop]) for run in expected]
        wanted = [(past, future[0]) for past, future in wanted if past and future]
        assert runs(examples.histories) == [past for past, _ in wanted]
        assert examples.targets.tolist() == [future for _, future in wanted]


def test_a_time_split_needs_its_moments_in_order():
    with pytest.raises(InputRefused, match="does not begin before"):
        split_by_time(built([(0, 0, 0)]), 3, 3)


def test_events_that_make_no_history_are_refused_with_every_reason():
    with pytest.raises(InputRefused) as refused:
        histories([1, 1, 2], [0, -1, 3], [0.0, np.nan, 1.0])
    assert [problem.split(" ")[0] for problem in refused.value.problems] == ["1", "1"]
    with pytest.raises(InputRefused, match="2 users, 1 items and 1 times"):
        histories([1, 2], [0], [0])


def test_items_are_found_by_their_place_in_the_catalog():
    assert catalog_rows(["b", "zz", "a", "", "b"], ["b", "c", "a"]).tolist() == [0, NO_ITEM, 2, NO_ITEM, 0]
    with pytest.raises(InputRefused, match="more than once"):
        catalog_rows(["b"], ["b", "b", "a"])


def test_tokens_of_every_kind_are_apart_and_in_the_order_of_the_levels():
    vocabulary = Vocabulary((4, 3), duplicates=2, users=5)
    ids = vocabulary.ids([[0, 0], [3, 2]], [0, 1])
    assert vocabulary.tokens(ids).tolist() == [[2, 6, 9], [5, 8, 10]]
    users = vocabulary.user_tokens([f"user-{n}" for n in range(200)])
    assert set(users.tolist()) == set(range(11, 16))
    assert vocabulary.size == 16
    assert vocabulary.user_tokens([7]).tolist() == vocabulary.user_tokens(["7"]).tolist() == [11]


def test_without_a_disambiguation_level_an_id_names_a_bucket():
    vocabulary = Vocabulary((4, 3), duplicates=0)
    assert vocabulary.ids([[1, 2], [1, 2]], [0, 1]).tolist() == [[1, 2], [1, 2]]
    assert vocabulary.level_sizes == (4, 3)


def test_values_outside_the_vocabulary_are_refused_level_by_level():
    with pytest.raises(InputRefused) as refused:
        Vocabulary((4, 3), duplicates=2).ids([[4, 0], [-1, 3]], [0, 2])
    assert refused.value.problems == (
        "level 1: 2 values outside 0..3",
        "level 2: 1 values outside 0..2",
        "level 3: 1 values outside 0..1",
    )


def test_histories_become_rows_of_tokens_with_padding_for_no_item():
    tokens = np.array([[2, 6], [5, 8]], np.int32)
    assert item_tokens(np.array([[NO_ITEM, 1], [0, 1]], np.int32), tokens).tolist() == [[0, 0, 5, 8], [2, 6, 5, 8]]
