"""Slow drift: what warns night after night asks for a retrain, although no night blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from semid.measure.gate import Check

NIGHTS = 3
"""Warnings in a row that propose a retrain: one is noise, two may be one delivery and its correction."""

Statuses = Mapping[tuple[str, str, int], str]
"""Status by cohort, metric and level: the checks of one night."""


def statuses_of(checks: Sequence[Check]) -> dict[tuple[str, str, int], str]:
    """Return the statuses of a night's checks."""
    return {(check.cohort, check.metric, check.level): check.status for check in checks}


def streaks(checks: Sequence[Check], earlier: Sequence[Statuses]) -> Check:
    """Return the check of how many nights in a row the same metric has warned, tonight included.

    Args:
        checks: Tonight's.
        earlier: The nights before, newest first. A night on which a metric was not judged ends its streak.
    """
    longest, longest_name = 0, ""
    for (cohort, metric, level), status in statuses_of(checks).items():
        length = 0
        for night in ({(cohort, metric, level): status}, *earlier):
            if night.get((cohort, metric, level)) != "warn":
                break
            length += 1
        if length > longest:
            longest, longest_name = length, f"{cohort}: {metric}" + (f", level {level}" if level else "")
    note = f"{longest_name} warns; propose retrain" if longest >= NIGHTS else longest_name
    return Check(
        "history", "warns_in_a_row", longest, "warn" if longest >= NIGHTS else "pass", 0, None, NIGHTS, None, note
    )
