"""The plots over releases: error ratio, PSI, churn, collisions and counts, each beside its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from semid.measure.gate import Check
from semid.report.charts import Heading, Limit, Series, legend, line_chart
from semid.report.facts import Night
from semid.report.html import Html, share, table, tag
from semid.report.scale import linear, logarithmic

SHOWN = 90
"""Releases in a plot: a quarter of a year."""

COUNTS = ("added", "changed", "removed", "quarantined")


def figure(heading: Heading, plot: Html, numbers: Html, key: Html | None = None, note: str = "") -> Html:
    """Return a plot with its title, legend `key` and note, beside the table of its numbers."""
    drawn = tag("div", plot, key, tag("p", note, class_="note") if note else None, class_="drawn")
    return tag("section", tag("h3", heading.title), tag("div", drawn, numbers, class_="pair"), class_="figure")


def error_ratio(history: Sequence[Night], propose_retrain: float) -> Html:
    """Return the arrivals' quantization error over the codebook's own, night by night, with its limits."""
    heading = Heading(
        "error-ratio",
        "Quantization error of the arrivals",
        "Mean error of new and edited items over the error on the codebook's held-out contents; 1 is no drift.",
    )
    return _checked(
        heading, history, lambda night: worst(night, "arrivals", "quantization_error_ratio"), propose_retrain
    )


def psi(history: Sequence[Night]) -> Html:
    """Return the highest PSI of all levels, night by night."""
    heading = Heading(
        "psi",
        "PSI of the arrivals, highest level",
        "Shift of the arrivals' codes against the release before, less what equal samples would show.",
    )
    return _checked(heading, history, lambda night: worst(night, "arrivals", "psi"))


def collisions(history: Sequence[Night]) -> Html:
    """Return the share of distinct contents that another content's codes cover, night by night."""
    heading = Heading(
        "collisions",
        "Collision rate of distinct contents",
        "1 - distinct codes / distinct contents of the whole table after each release.",
    )
    return _checked(heading, history, lambda night: worst(night, "table", "collision_rate_contents"))


def churn_history(history: Sequence[Night]) -> Html:
    """Return the share of surviving items whose first codes changed, by depth, release by release."""
    heading = Heading(
        "churn-history",
        "Churn by depth, per cent",
        "Per cent of the items of the release before whose first 1, 2, … codes changed, edited items included.",
    )
    shown = [night for night in history[-SHOWN:] if night.survivors is not None]
    depth = max((len(n.survivors.moved) for n in shown if n.survivors), default=0)
    names = [*(f"first {d} codes" if d > 1 else "first code" for d in range(1, depth)), "whole ID"]
    values = [[_percent(night, i, depth) for night in shown] for i in range(depth)]
    marks = tuple("info" if night.survivors and night.survivors.total == 0 else "pass" for night in shown)
    series = [Series(name, tuple(column), marks) for name, column in zip(names, values, strict=False)]
    scale = linear(0, max((v for column in values for v in column if v is not None), default=1) or 1)
    rows = [
        (_name(n), *(_share(n, i, depth) for i in range(depth)), n.survivors.total)
        for n in reversed(shown)
        if n.survivors
    ]
    numbers = table(["release", *names, "survivors"], rows, heading.title)
    if not shown:
        return figure(heading, tag("p", "No release has one before it to compare with."), numbers)
    return figure(heading, line_chart(heading, _days(shown), series, scale), numbers, legend(names))


def counts(history: Sequence[Night]) -> Html:
    """Return the items added, changed and removed and the rows quarantined, release by release."""
    heading = Heading(
        "counts", "Items added, changed, removed; rows quarantined", "Counts per release on a logarithmic axis."
    )
    shown = history[-SHOWN:]
    series = [
        Series(name, tuple(float(n.counts[name]) if name in n.counts else None for n in shown), ("pass",) * len(shown))
        for name in COUNTS
    ]
    highest = max((v for one in series for v in one.values if v is not None), default=1)
    rows = [(_name(n), *(n.counts.get(name) for name in COUNTS), n.counts.get("items")) for n in reversed(shown)]
    numbers = table(["release", *COUNTS, "items"], rows, heading.title)
    plot = line_chart(heading, _days(shown), series, logarithmic(highest))
    return figure(heading, plot, numbers, legend(COUNTS))


def _checked(
    heading: Heading, history: Sequence[Night], pick: Callable[[Night], Check | None], propose: float | None = None
) -> Html:
    shown = history[-SHOWN:]
    checks = [pick(night) for night in shown]
    rows = [(_name(n), *_numbers(c)) for n, c in reversed(list(zip(shown, checks, strict=True)))]
    numbers = table(["release", "value", "warn", "block", "status"], rows, heading.title)
    judged = [c.value for c in checks if c and c.status != "info" and c.value is not None]
    if not judged:
        return figure(heading, tag("p", "Not judged in any release so far: see the notes of the checks."), numbers)
    limits = _limits(checks, propose)
    values = tuple(c.value if c else None for c in checks)
    series = Series(heading.title, values, tuple(c.status if c else "info" for c in checks))
    # A value of too few rows to judge may lie far out: it is drawn hollow, at the edge of the judged ones' scale.
    there = [0.0, *judged, *(limit.value for limit in limits)]
    plot = line_chart(heading, _days(shown), [series], linear(min(there), max(there)), limits)
    return figure(heading, plot, numbers, note=f"{heading.description} Hollow points were not judged.")


def _numbers(check: Check | None) -> tuple[object, ...]:
    if check is None:
        return None, None, None, "not measured"
    level = f", level {check.level}" if check.level else ""
    return check.value, check.threshold_warn, check.threshold_block, f"{check.status}{level}"


def _limits(checks: Sequence[Check | None], propose: float | None) -> list[Limit]:
    newest = next((c for c in reversed(checks) if c and c.threshold_block is not None), None)
    if newest is None or newest.threshold_block is None:
        return []
    limits = [] if newest.threshold_warn is None else [Limit("warn", newest.threshold_warn)]
    limits += [] if propose is None else [Limit("retrain", propose)]
    return [*limits, Limit("block", newest.threshold_block)]


def worst(night: Night, cohort: str, metric: str) -> Check | None:
    """Return the level's check that is worst: by status, then by value."""
    order = ("info", "pass", "warn", "block")
    found = night.found(cohort, metric)
    return max(found, key=lambda c: (order.index(c.status), c.value if c.value is not None else 0.0), default=None)


def _percent(night: Night, depth: int, depths: int) -> float | None:
    survivors, at = night.survivors, _at(night, depth, depths)
    return 100 * survivors.moved[at] / survivors.total if survivors and at is not None and survivors.total else None


def _share(night: Night, depth: int, depths: int) -> str:
    survivors, at = night.survivors, _at(night, depth, depths)
    return share(survivors.moved[at], survivors.total) if survivors and at is not None else ""


def _at(night: Night, depth: int, depths: int) -> int | None:
    """Return the entry of `moved` for a depth; codebooks may differ in levels, and the whole ID stands last."""
    here = len(night.survivors.moved) if night.survivors else 0
    return here - 1 if depth == depths - 1 else depth if depth < here - 1 else None


def _days(nights: Sequence[Night]) -> list[str]:
    years = {night.run_date.year for night in nights}
    return [night.run_date.isoformat()[0 if len(years) > 1 else 5 :] for night in nights]


def _name(night: Night) -> str:
    return f"{night.release_id} of {night.run_date}"
