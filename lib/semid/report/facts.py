"""What the report shows, as plain values. `tables/release_facts.py` finds them in the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from semid.measure.drift import Counts
from semid.measure.gate import Check
from semid.report.code_facts import LabelledCodes
from semid.report.evaluation import Evaluation


@dataclass(frozen=True)
class Survivors:
    """The items that the release before had too, and how deep their IDs changed.

    Attributes:
        edited: Survivors whose text was edited.
        unchanged: All other survivors.
        moved_edited: Edited survivors whose first 1, 2, … codes differ; last, whose printed ID differs.
        moved_unchanged: The same of the others.
    """

    edited: int
    unchanged: int
    moved_edited: tuple[int, ...]
    moved_unchanged: tuple[int, ...]

    @property
    def total(self) -> int:
        """Number of survivors."""
        return self.edited + self.unchanged

    @property
    def moved(self) -> tuple[int, ...]:
        """Survivors whose first 1, 2, … codes differ; last, whose printed ID differs."""
        return tuple(a + b for a, b in zip(self.moved_edited, self.moved_unchanged, strict=True))


@dataclass(frozen=True)
class Night:
    """A row of `release` with what its checks found.

    Attributes:
        checks: Rows of `drift_report`; none after a rollback or a promotion of what is there.
        survivors: None when nothing was published before, or nothing by this release.
    """

    release_id: int
    run_id: str
    run_date: date
    kind: str
    status: str
    verdict: str
    codebook_version: int | None
    counts: Mapping[str, int]
    created_at: datetime
    checks: tuple[Check, ...]
    survivors: Survivors | None

    @property
    def published(self) -> bool:
        """Whether readers saw it."""
        return self.status == "published"

    def found(self, cohort: str, metric: str) -> list[Check]:
        """Return the checks of a cohort and metric under the active codebook, by level."""
        served = (cohort, f"{cohort}@v{self.codebook_version}")
        return sorted((c for c in self.checks if c.metric == metric and c.cohort in served), key=lambda c: c.level)


@dataclass(frozen=True)
class CodeUse:
    """How many items and distinct contents each code of a level has; both (size,), in order of the code."""

    level: int
    items: Counts
    contents: Counts


@dataclass(frozen=True)
class State:
    """The published IDs that a page describes.

    Attributes:
        release_id: The release that they belong to.
        levels: Code use, coarse to fine.
        buckets_of_items: Number of buckets by their size in items.
        buckets_of_contents: Number of buckets by their size in distinct contents.
        replaced: Whether a later release of the same day has replaced part of it.
    """

    release_id: int
    levels: tuple[CodeUse, ...]
    buckets_of_items: Mapping[int, int]
    buckets_of_contents: Mapping[int, int]
    replaced: bool = False


@dataclass(frozen=True)
class Example:
    """An item whose ID changed."""

    item_id: str
    title: str | None
    old: str
    new: str
    common_prefix: int
    reason: str


@dataclass(frozen=True)
class Unfinished:
    """The newest run, when it ended after the newest release without one of its own."""

    run_id: str
    job: str
    run_date: date
    status: str
    message: str | None


@dataclass(frozen=True)
class ReleaseFacts:
    """Everything on one release's page.

    Attributes:
        night: The release.
        history: All releases up to it, oldest first, itself included.
        before: The release that readers saw before it; None for the first.
        state: The IDs that readers see with it (of `before` when it was blocked); None when there are none.
        moved: Number of items whose printed ID changed.
        examples: Some of them, those that moved furthest first.
        evaluation: The newest one of the release's codebook version.
        codes: What the codes of `state` mean; None when nobody has looked.
        data_docs: Great Expectations' pages of its checks: name of the suite to link.
    """

    night: Night
    history: tuple[Night, ...]
    before: Night | None
    state: State | None
    moved: int
    examples: tuple[Example, ...]
    evaluation: Evaluation | None = None
    codes: LabelledCodes | None = None
    data_docs: Mapping[str, str] = field(default_factory=dict)
