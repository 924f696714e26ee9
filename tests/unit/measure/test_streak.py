"""Warnings in a row: known answers."""

from __future__ import annotations

from semid.measure.gate import Check
from semid.measure.streak import streaks

NAMES = [("arrivals", "psi", 1), ("arrivals", "psi", 2), ("table", "gini", 0)]


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
