"""The top of a page: the verdict with its reasons and what to do next, before anything else."""

from __future__ import annotations

from collections.abc import Sequence

from semid.measure.gate import Check, is_number
from semid.report import figures, health
from semid.report.charts import glyph
from semid.report.facts import Night, ReleaseFacts, Unfinished
from semid.report.html import Html, number, tag


def verdict(facts: ReleaseFacts) -> Html:
    """Return the verdict, what readers see, and the numbers that a look is enough for."""
    night, state = facts.night, health.status(facts.night)
    where = f"Release {night.release_id}, {night.kind} of {night.run_date}"
    step = health.next_step(night)
    return tag(
        "header",
        tag("p", where, class_="where"),
        tag("h1", glyph(state, 30), health.headline(facts)),
        tag("p", health.summary(facts)),
        tag("p", tag("b", "Next: "), step) if step else None,
        _tiles(facts),
        class_=f"verdict {state}",
    )


def reasons(night: Night) -> Html | None:
    """Return every check that did not pass, with value, limit, note and advice; None when all passed."""
    checks = health.failing(night.checks)
    return (
        tag("section", tag("h2", "Why"), tag("ul", [_reason(c) for c in checks], class_="reasons")) if checks else None
    )


def proposal(history: Sequence[Night]) -> Html | None:
    """Return why a retrain is proposed; None when it is not."""
    why = health.proposal(history)
    if why is None:
        return None
    return tag(
        "p",
        glyph("warn", 18),
        tag("b", "Retraining is proposed: "),
        f"{why}. Next: semid retrain",
        class_="banner warn",
    )


def unfinished(run: Unfinished | None) -> Html | None:
    """Return what became of the newest run, when it made no release."""
    if run is None:
        return None
    how = "failed" if run.status == "failed" else "has not ended: it still runs, or was killed"
    name = f"{run.run_id}, {run.job} of {run.run_date}."
    return tag(
        "div",
        tag("p", glyph("block", 18), tag("b", f"The newest run {how}: "), name),
        tag("p", run.message) if run.message else None,
        tag("p", "Below is the release before it; semid status shows the run."),
        class_="banner block",
    )


def metric(check: Check) -> str:
    """Return cohort, metric and level of a check."""
    return f"{check.cohort}: {check.metric}" + (f", level {check.level}" if check.level else "")


def metric_name(check: Check) -> Html:
    """Return `metric` in a form that may be broken behind each underscore."""
    words = metric(check).split("_")
    return tag("span", [[word, "_", tag("wbr")] for word in words[:-1]], words[-1])


def limits(check: Check) -> str:
    """Return the thresholds of a check in words."""
    named = [("warns", check.threshold_warn), ("blocks", check.threshold_block)]
    return ", ".join(f"{verb} at {value:.4g}" for verb, value in named if value is not None)


def _reason(check: Check) -> Html:
    value = number(check.value) if is_number(check.value) else "missing"
    details = "; ".join(text for text in (limits(check), check.note) if text)
    return tag(
        "li",
        glyph("block" if check.blocks else "warn", 18),
        tag("b", metric_name(check), f" = {value}"),
        f" ({details})" if details else None,
        tag("p", tag("b", "Next: "), health.advice(check)),
    )


def _tiles(facts: ReleaseFacts) -> Html:
    night, survivors = facts.night, facts.night.survivors
    tiles = [_tile(name, number(night.counts[name])) for name in ("items", *figures.COUNTS) if name in night.counts]
    if survivors is not None:
        moved = survivors.moved_unchanged[-1]
        of = f"of {survivors.unchanged:,} with the same text"
        tiles.append(_tile("moved, not edited", number(moved), of))
    for name, cohort, metric in (
        ("error ratio", "arrivals", "quantization_error_ratio"),
        ("highest PSI", "arrivals", "psi"),
        ("collision rate", "table", "collision_rate_contents"),
    ):
        if check := figures.worst(night, cohort, metric):
            tiles.append(_check_tile(name, check))
    return tag("dl", tiles, class_="tiles")


def _check_tile(name: str, check: Check) -> Html:
    if check.status == "info":
        return _tile(name, "not judged", check.note.removeprefix("not judged: "), check.status)
    value = number(check.value) if is_number(check.value) else "missing"
    warns = "" if check.threshold_warn is None else f"warns at {check.threshold_warn:.3g}"
    return _tile(name, value, warns, check.status)


def _tile(name: str, value: str, note: str = "", state: str = "") -> Html:
    sign = glyph(state, 16) if state else None
    return tag("div", tag("dt", name), tag("dd", sign, value, tag("small", note) if note else None))
