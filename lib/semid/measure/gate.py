"""The gate: what a check is, its thresholds, and the one function that decides."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from semid.config import Section, load_section
from semid.errors import GateBlocked

Status = Literal["pass", "warn", "block", "info"]
Positive = Annotated[float, Field(gt=0.0)]
Rows = Annotated[int, Field(ge=1)]
RULES = ("uncovered_items", "churn_unchanged_content", "unreproduced_codes")
"""Metrics that are rules of the tables, not drift: they have no threshold to choose."""


class _Rising(Section):
    """Limits of a statistic that is bad when it is high."""

    warn: Positive
    block: Positive

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.warn > self.block:
            raise ValueError("warn lies above block")
        return self


class _Falling(Section):
    """Limits of a statistic that is bad when it is low, as shares of its reference."""

    warn: Annotated[float, Field(gt=0.0, le=1.0)]
    block: Annotated[float, Field(gt=0.0, le=1.0)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.warn < self.block:
            raise ValueError("warn lies below block")
        return self


class ErrorRatioLimits(_Rising):
    """Limits of the arrivals' quantization-error ratio."""

    propose_retrain: Positive
    min_rows: Rows


class PsiLimits(_Rising):
    """Limits of the population stability index of a level."""

    min_rows_per_code: Rows


class CollisionLimits(_Rising):
    """Limits of the collision rate, between random codes (0) and one single bucket (1)."""

    min_rows: Rows


class BucketLimits(_Rising):
    """Limits of the largest bucket's share."""

    fair_multiple: Positive
    min_rows: Rows


class UsageLimits(_Falling):
    """Limits of a statistic of code usage."""

    min_rows_per_code: Rows


class NeighbourLimits(_Falling):
    """Limits of the share of neighbours with equal codes."""

    min_reference: Annotated[float, Field(ge=0.0, lt=1.0)]
    min_rows: Rows


class ShiftLimits(_Rising):
    """Limits of how far the arrivals' mean vector may lie off, as a share of the variance."""

    min_rows: Rows


class NormLimits(_Rising):
    """Limits of the relative change of the vectors' mean length."""

    min_rows: Rows


class PromotionLimits(Section):
    """Limits of what a new codebook version may move, as shares of the items with unchanged content."""

    first: _Rising
    full: _Rising


class Thresholds(Section):
    """Every threshold of the gate; conf/thresholds.yaml says why each has its value."""

    quantization_error_ratio: ErrorRatioLimits
    psi: PsiLimits
    centroid_shift: ShiftLimits
    embedding_norm: NormLimits
    used_codes: UsageLimits
    perplexity: UsageLimits
    collision_rate: CollisionLimits
    largest_bucket: BucketLimits
    neighbour_preservation: NeighbourLimits
    promotion_churn: PromotionLimits


def load_thresholds(file: str | None = None) -> Thresholds:
    """Return the packaged thresholds, overridden by those in `file`.

    Raises:
        ConfigError: Lists every unknown key and every value that is no number or out of range.
    """
    return load_section(Thresholds, "thresholds.yaml", file)


@dataclass(frozen=True)
class Check:
    """One row of `drift_report`; the fields are its columns."""

    cohort: str
    metric: str
    value: float | None
    status: Status
    level: int = 0
    reference: float | None = None
    threshold_warn: float | None = None
    threshold_block: float | None = None
    note: str = ""

    @property
    def blocks(self) -> bool:
        """Whether the check stops a release: its status says so, or its evidence is missing."""
        return self.status not in ("pass", "warn", "info") or not is_number(self.value)

    def describe(self) -> str:
        """Return metric, value, threshold and note in one line."""
        name = f"{self.cohort}: {self.metric}" + (f", level {self.level}" if self.level else "")
        value = f"{self.value:.6g}" if is_number(self.value) else f"{self.value} (missing evidence)"
        limit = self.threshold_block if self.blocks else self.threshold_warn
        against = "" if limit is None else f", {'blocks' if self.blocks else 'warns'} at {limit:.6g}"
        return f"{name} = {value}{against}" + (f" ({self.note})" if self.note else "")


@dataclass(frozen=True)
class Verdict:
    """What the gate decided, and the checks that made it so, in words."""

    status: Literal["pass", "warn", "block"]
    reasons: tuple[str, ...]


def decide(checks: Iterable[Check]) -> Verdict:
    """Return the worst status of all checks; without a single check there is no evidence, which blocks."""
    checks = list(checks)
    if not checks:
        return Verdict("block", ("nothing was checked (missing evidence)",))
    if blocking := [check.describe() for check in checks if check.blocks]:
        return Verdict("block", tuple(blocking))
    warning = [check.describe() for check in checks if check.status == "warn"]
    return Verdict("warn" if warning else "pass", tuple(warning))


def refusal(run_id: str, checks: Iterable[Check]) -> GateBlocked:
    """Return the error of blocking checks: every one of them, and what to do next."""
    blocking = [check for check in checks if check.blocks]
    wrong = any(check.cohort.startswith("contract") or check.metric in RULES for check in blocking)
    moving = any(check.cohort.startswith("promotion") for check in blocking)
    advice = "look at the arrivals; if they are right, raise the threshold in the file of gate.thresholds"
    if moving:
        advice = "semid retrain --shadow serves it beside the active version; semid promote moves the readers"
    if wrong:
        advice = "the staged rows or the tables are wrong: run `semid assign-ids` and `semid check-drift` again"
    refused = GateBlocked(
        f"{len(blocking)} check(s) of run {run_id} failed",
        where=f"table drift_report, run_id {run_id}",
        problems=[check.describe() for check in blocking],
        next_step=advice,
    )
    refused.run_id = run_id
    return refused


def is_number(value: float | None) -> bool:
    """Return whether `value` is there and finite: a statistic that is not was not computed."""
    return value is not None and math.isfinite(value)


def rising(value: float | None, warn: float | None, block: float | None) -> Status:
    """Return the status of a value that is bad when high; thresholds act at the number itself."""
    if value is None or not math.isfinite(value):
        return "block"
    if block is not None and not value < block:
        return "block"
    return "warn" if warn is not None and not value < warn else "pass"


def falling(value: float | None, warn: float, block: float) -> Status:
    """Return the status of a value that is bad when low; thresholds act at the number itself."""
    if value is None or not math.isfinite(value):
        return "block"
    if not value > block:
        return "block"
    return "pass" if value > warn else "warn"
