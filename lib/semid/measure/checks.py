"""The drift gates: what was counted, judged against the thresholds. Rows of `drift_report` come out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from semid.measure.drift import (
    LevelCounts,
    Profile,
    gini,
    js_distance,
    perplexity,
    psi,
    psi_without_drift,
    uniform_collision_rate,
    used_codes,
)
from semid.measure.gate import (
    BucketLimits,
    Check,
    CollisionLimits,
    ErrorRatioLimits,
    PsiLimits,
    Thresholds,
    UsageLimits,
    falling,
    is_number,
    rising,
)


def compare(profile: Profile, metrics: Mapping[str, Any], limits: Thresholds) -> list[Check]:
    """Return the checks of a profile.

    Args:
        profile: Counts of the staged rows and of the table after publication.
        metrics: The codebook's own metrics: `used_codes` and `perplexity` per level; `error_heldout`, or else
            `error_train`, the mean squared error of a content.
        limits: The thresholds.
    """
    return [
        *_evidence(profile.facts),
        *_invariants(profile.facts),
        *_usage(profile, metrics, limits),
        *_buckets(profile, limits),
        *_arrivals(profile, metrics, limits),
    ]


def reproduced(looked: int, other: int) -> Check:
    """Return the check of published contents that the codebook would give other codes today.

    Args:
        looked: Contents whose codes were computed again; none of them is missing evidence.
        other: Those among them with other codes: the codebook or the vectors are not those of before.
    """
    note = "sampled contents that the codebook gives other codes than the published ones"
    value = float(other) if looked else None
    return Check("table", "unreproduced_codes", value, rising(value, None, 1), 0, looked, None, 1, note)


def _evidence(facts: Mapping[str, float | None]) -> Iterator[Check]:
    for name, value in facts.items():
        # Without arrivals their error has no mean; with some, the error ratio asks for it.
        if name != "arrival_error" and not is_number(value):
            yield Check("table", name, None, "block", note="could not be counted")


def _invariants(facts: Mapping[str, float | None]) -> Iterator[Check]:
    covered, first = facts["active_items"], facts["current_items"] == 0
    uncovered = facts["uncovered_items"]
    note = "active items without exactly one current ID; coverage must be 100 %"
    yield Check("table", "uncovered_items", uncovered, rising(uncovered, None, 1), 0, covered, None, 1, note)
    churn = facts["changed_ids"]
    note = "first release: nothing to change" if first else "IDs that changed although the content did not"
    yield Check(
        "table",
        "churn_unchanged_content",
        churn,
        rising(churn, None, 1),
        0,
        facts["kept_items"],
        None,
        1,
        note,
    )
    removed = Check("table", "removed_items", facts["removed_items"], "info", reference=facts["current_items"])
    yield removed


def _usage(profile: Profile, metrics: Mapping[str, Any], limits: Thresholds) -> Iterator[Check]:
    for at, level in enumerate(profile.levels):
        for name, measure, limit in (
            ("used_codes", used_codes, limits.used_codes),
            ("perplexity", perplexity, limits.perplexity),
        ):
            reference = _entry(metrics.get(name), at)
            note = "reference: the codebook's training contents"
            if reference is None and level.previous.sum() > 0:
                reference, note = measure(level.previous), "reference: the previous release"
            yield _share_of(name, level, measure(level.state), (reference, note), limit)
        before = gini(level.previous) if level.previous.sum() > 0 else None
        note = "0 even, towards 1 concentrated; reference: the previous release"
        # An index, not a rule: what it would catch, perplexity and used codes catch with a threshold of their own.
        yield Check("table", "gini", gini(level.state), "info", level.level, before, note=note)


def _share_of(
    name: str, level: LevelCounts, value: float, reference: tuple[float | None, str], limits: UsageLimits
) -> Check:
    wanted = limits.min_rows_per_code * len(level.state)
    if (rows := int(level.state.sum())) < wanted:
        return Check("table", name, value, "info", level.level, reference[0], note=_too_few(rows, wanted))
    base = reference[0]
    if base is None or not math.isfinite(base) or base <= 0:
        note = f"the codebook's metrics have no {name} of this level (missing evidence)"
        return Check("table", name, value, "block", level.level, base, note=note)
    warn, block = limits.warn * base, limits.block * base
    return Check("table", name, value, falling(value, warn, block), level.level, base, warn, block, reference[1])


def _buckets(profile: Profile, limits: Thresholds) -> Iterator[Check]:
    facts = profile.facts
    contents = facts["contents"]
    capacity = math.prod(len(level.state) for level in profile.levels)
    items = _rate(facts["distinct_codes"], facts["items"])
    yield Check("table", "collision_rate_items", items, "info", note="items of equal text share a bucket by nature")
    yield _collision(_rate(facts["distinct_codes"], contents), contents, capacity, limits.collision_rate)
    share = _ratio(facts["largest_bucket_items"], facts["items"])
    yield Check("table", "largest_bucket_items", share, "info", note="share of the items in the fullest bucket")
    share = _ratio(facts["largest_bucket_contents"], contents)
    yield _largest(share, contents, capacity, limits.largest_bucket)


def _collision(rate: float | None, contents: float | None, capacity: int, limits: CollisionLimits) -> Check:
    name = "collision_rate_contents"
    if contents is not None and contents < limits.min_rows:
        return Check("table", name, rate, "info", note=_too_few(contents, limits.min_rows))
    base = uniform_collision_rate(contents or math.nan, capacity)
    warn, block = (base + share * (1 - base) for share in (limits.warn, limits.block))
    note = "reference: uniformly random codes"
    return Check("table", name, rate, rising(rate, warn, block), 0, base, warn, block, note)


def _largest(share: float | None, contents: float | None, capacity: int, limits: BucketLimits) -> Check:
    name = "largest_bucket_contents"
    if contents is not None and contents < limits.min_rows:
        return Check("table", name, share, "info", note=_too_few(contents, limits.min_rows))
    fair = limits.fair_multiple / capacity
    warn, block = max(limits.warn, fair), max(limits.block, fair)
    note = "share of the distinct contents in the fullest bucket"
    return Check("table", name, share, rising(share, warn, block), 0, 1 / capacity, warn, block, note)


def _arrivals(profile: Profile, metrics: Mapping[str, Any], limits: Thresholds) -> Iterator[Check]:
    rows = profile.facts["arrival_contents"]
    note = "" if rows else "nothing new or edited: the checks of the arrivals do not apply"
    yield Check("arrivals", "contents", rows, "info", note=note)
    if rows == 0:
        return
    yield _error_ratio(profile.facts["arrival_error"], rows, metrics, limits.quantization_error_ratio)
    for level in profile.levels:
        # The first release of a version has nothing before it that could have drifted.
        if level.previous.sum() > 0:
            yield from _shift(level, limits.psi)


def _error_ratio(
    error: float | None, rows: float | None, metrics: Mapping[str, Any], limits: ErrorRatioLimits
) -> Check:
    name = "quantization_error_ratio"
    key = "error_heldout" if metrics.get("error_heldout") is not None else "error_train"
    base = _entry(metrics.get(key))
    ratio = _ratio(error, base)
    if rows is not None and rows < limits.min_rows and is_number(ratio):
        return Check("arrivals", name, ratio, "info", 0, base, note=_too_few(rows, limits.min_rows))
    if not is_number(base) or not is_number(ratio):
        note = "the arrivals' error, or error_heldout and error_train of the codebook's metrics, is not a number"
        return Check("arrivals", name, None, "block", 0, base, limits.warn, limits.block, note)
    status = rising(ratio, limits.warn, limits.block)
    retrain = ratio is not None and ratio >= limits.propose_retrain
    note = f"reference: {key} of the codebook" + ("; propose retrain" if retrain else "")
    return Check("arrivals", name, ratio, status, 0, base, limits.warn, limits.block, note)


def _shift(level: LevelCounts, limits: PsiLimits) -> Iterator[Check]:
    expected = psi_without_drift(level.arrivals, level.previous)
    excess = psi(level.arrivals, level.previous) - expected
    wanted = limits.min_rows_per_code * len(level.state)
    smaller = int(min(level.arrivals.sum(), level.previous.sum()))
    whole = psi(level.state, level.previous) - psi_without_drift(level.state, level.previous)
    # Old and new contents overlap, so that this hides what the arrivals show: 0.014 against 0.387 was measured.
    yield Check("table", "psi", whole, "info", level.level, note="the whole table against the previous release")
    note = "PSI minus its no-drift expectation, the reference"
    if smaller < wanted:
        yield Check("arrivals", "psi", excess, "info", level.level, expected, note=_too_few(smaller, wanted))
    else:
        status = rising(excess, limits.warn, limits.block)
        yield Check("arrivals", "psi", excess, status, level.level, expected, limits.warn, limits.block, note)
    yield Check("arrivals", "js_distance", js_distance(level.arrivals, level.previous), "info", level.level)


def _entry(metric: Any, at: int | None = None) -> float | None:
    """Return a number of the codebook's metrics, of level index `at` when it is a list; None when absent."""
    if at is not None:
        metric = (
            metric[at] if isinstance(metric, Sequence) and not isinstance(metric, str) and at < len(metric) else None
        )
    return float(metric) if isinstance(metric, int | float) and not isinstance(metric, bool) else None


def _ratio(a: float | None, b: float | None) -> float | None:
    if a is None or b is None or not is_number(a) or not is_number(b) or b <= 0:
        return None
    return a / b


def _rate(distinct: float | None, rows: float | None) -> float | None:
    ratio = _ratio(distinct, rows)
    return None if ratio is None else 1 - ratio


def _too_few(rows: float, wanted: int) -> str:
    return f"not judged: {rows:.0f} contents, fewer than {wanted}"
