"""Warnings in a row: known answers, and a second way to count."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from semid.measure.gate import Check
from semid.measure.streak import NIGHTS, statuses_of, streaks

NAMES = [("arrivals", "psi", 1), ("arrivals", "psi", 2), ("table", "gini", 0)]
nights = st.lists(
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["pass", "warn", "block", "info"])), min_size=1, max_size=6
)


def checks(statuses: dict[tuple[str, str, int], str]) -> list[Check]:
    return [Check(cohort, metric, 1.0, status, level) for (cohort, metric, level), status in statuses.items()]


def test_three_warnings_in_a_row_ask_for_a_retrain() -> None:
    """The third one does, names the metric, and warns itself; a night between starts the count again."""
    warned, passed = {NAMES[0]: "warn"}, {NAMES[0]: "pass"}
    two, three = (streaks(checks(warned), [warned] * n) for n in (1, 2))
    assert (two.value, two.status, two.note) == (2, "pass", "arrivals: psi, level 1")
    assert (three.value, three.status) == (3, "warn")
    assert three.note == "arrivals: psi, level 1 warns; propose retrain"
    assert streaks(checks(warned), [warned, passed, warned]).value == 2
    assert streaks(checks(warned), [{}, warned, warned]).value == 1, "a night on which it was not judged"
    assert streaks(checks(passed), [warned] * 9).value == 0


@given(nights)
@settings(max_examples=100, deadline=None)
def test_the_longest_streak_is_the_largest_n_of_which_all_nights_warn(history: list[dict]) -> None:
    """Second implementation: the largest n such that one metric warned on each of the last n nights."""
    found = streaks(checks(history[0]), history[1:])
    lengths = [n for n in range(len(history) + 1) for name in NAMES if all(h.get(name) == "warn" for h in history[:n])]
    assert found.value == max(lengths)
    assert (found.status == "warn") == (found.value >= NIGHTS)
    assert statuses_of(checks(history[0])) == history[0]
