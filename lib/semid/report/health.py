"""Was the night healthy: the verdict in words, the checks behind it, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from semid.measure.gate import RULES, Check, is_number, refusal
from semid.report.facts import Night, ReleaseFacts

STREAK = 3
"""Nights in a row that did not pass, after which a retrain is proposed: a slow creep never blocks one night."""

_CHECKED_BEFORE = ("rollback", "retrain")
"""Kinds of releases that may move readers to IDs which are already there: after a rollback or a promotion."""

_RETRAIN = "if they are right and this stays, semid retrain"
_ADVICE = {
    "quantization_error_ratio": "look at the arrivals: another kind of item, text template or model? "
    f"{_RETRAIN.capitalize()}",
    "psi": f"see which codes the arrivals flood (semid sql); {_RETRAIN}",
    "centroid_shift": f"the arrivals are another mix of content, or vectors of another model: look at them; {_RETRAIN}",
    "embedding_norm": "the vectors have another length: did their supplier change model or scale?",
    "used_codes": "is a part of the catalog missing from the feed? If it is gone for good, semid retrain",
    "perplexity": "is a part of the catalog missing from the feed? If it is gone for good, semid retrain",
    "collision_rate_contents": "unlike texts share their codes: retrain with larger codebook.sizes",
    "neighbour_preservation": "items near each other no longer share codes: semid explain some arrivals; are codebook "
    "and vectors those of one model?",
    "largest_bucket_contents": "look at the fullest bucket (semid sql); are its texts alike? Else semid retrain",
}
_TABLES = "the staged rows or the tables are wrong: run semid assign-ids and semid check-drift again"
_EVIDENCE = "this could not be computed: find out why first; missing evidence blocks"
_PROMOTION = "semid retrain --shadow serves the new codebook beside the active one; semid promote moves the readers"
_OTHERWISE = "see the note, and docs/operations.md"


def failing(checks: Iterable[Check]) -> list[Check]:
    """Return the checks that block, then those that warn."""
    checks = list(checks)
    return [c for c in checks if c.blocks] + [c for c in checks if c.status == "warn" and not c.blocks]


def advice(check: Check) -> str:
    """Return what to do about a check that did not pass."""
    if not is_number(check.value):
        return _EVIDENCE
    if check.metric in RULES or check.cohort.startswith("contract"):
        return _TABLES
    if check.cohort.startswith("promotion"):
        return _PROMOTION
    return _ADVICE.get(check.metric, _OTHERWISE)


def status(night: Night) -> str:
    """Return pass, warn or block: the verdict, or warn when there are no checks to show for it."""
    if not night.published or night.verdict == "block":
        return "block"
    unchecked = not night.checks and night.kind not in _CHECKED_BEFORE
    return "warn" if night.verdict == "warn" or unchecked else "pass"


def headline(facts: ReleaseFacts) -> str:
    """Return the verdict in two or three words."""
    night = facts.night
    if not night.published:
        return "Blocked: nothing was published"
    if night.kind == "rollback":
        return "Rolled back"
    return "Healthy" if status(night) == "pass" else "Published with warnings"


def summary(facts: ReleaseFacts) -> str:
    """Return one sentence on the release and what its readers see now."""
    night, before = facts.night, facts.before
    if not night.published:
        seen = (
            f"Readers still see release {before.release_id} of {before.run_date}."
            if before
            else "There was none before."
        )
        bad = sum(check.blocks for check in night.checks)
        return f"{_of(bad, 'check')} of {len(night.checks)} stopped the release. {seen}"
    if not night.checks:
        why = "what it shows was checked before" if night.kind in _CHECKED_BEFORE else "none are recorded"
        return f"Release {night.release_id} is published without checks of its own: {why}."
    warned = len(failing(night.checks))
    outcome = (
        f"{_of(warned, 'check')} of {len(night.checks)} warned"
        if warned
        else f"none of its {len(night.checks)} checks warned"
    )
    return f"Release {night.release_id} is published; {outcome}."


def next_step(night: Night) -> str | None:
    """Return the command or decision that a blocked release waits for."""
    if night.published:
        return None
    if not night.checks:
        return f"no checks of run {night.run_id} are recorded: semid status shows the run and its message"
    if not all(is_number(check.value) for check in night.checks if check.blocks):
        return _EVIDENCE
    return refusal(night.run_id, night.checks).next_step


def proposal(history: Sequence[Night]) -> str | None:
    """Return why a retrain is proposed after the newest night, or None.

    Args:
        history: Releases, oldest first.
    """
    checked = [night for night in history if night.checks]
    if not checked:
        return None
    newest = checked[-1]
    if any("propose retrain" in check.note for check in newest.found("arrivals", "quantization_error_ratio")):
        return "the arrivals' quantization error is beyond the point where a retrain is proposed"
    streak = _streak(checked)
    if len(streak) < STREAK:
        return None
    metrics = sorted({check.metric for night in streak for check in failing(night.checks)})
    return f"{len(streak)} releases in a row did not pass all checks ({', '.join(metrics)})"


def _streak(checked: Sequence[Night]) -> list[Night]:
    streak: list[Night] = []
    for night in reversed(checked):
        # A new codebook starts anew: what was measured against the old one says nothing about it.
        if status(night) == "pass" or night.codebook_version != checked[-1].codebook_version:
            break
        streak.append(night)
    return streak


def _of(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
