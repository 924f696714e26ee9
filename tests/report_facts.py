"""Made-up facts for pages: a night passes unless a test says otherwise."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from semid.measure.gate import Check
from semid.report.facts import CodeUse, Example, Night, ReleaseFacts, State, Survivors

PASSED = Check("arrivals", "quantization_error_ratio", 1.05, "pass", 0, 0.3, 1.15, 2.0, "reference: error_heldout")
WARNED = Check("arrivals", "quantization_error_ratio", 1.25, "warn", 0, 0.3, 1.15, 2.0, "reference: error_heldout")
BLOCKED = Check("arrivals", "quantization_error_ratio", 2.5, "block", 0, 0.3, 1.15, 2.0, "reference: error_heldout")
LOST = Check("table", "collision_rate_contents", None, "block", note="could not be counted")
SHIFTED = Check("arrivals", "psi", 0.125, "warn", 2, 0.01, 0.1, 0.25)
SURVIVORS = Survivors(60, 9900, (1, 14, 24, 25), (0, 0, 2, 3))


def night(number: int = 2, **values: Any) -> Night:
    """Return a release of its own day."""
    day = date(2026, 1, 1) + timedelta(days=number - 1)
    row = {
        "release_id": number,
        "run_id": f"nightly-{number}",
        "run_date": day,
        "kind": "nightly",
        "status": "published",
        "verdict": "pass",
        "codebook_version": 1,
        "counts": {"added": 120, "changed": 60, "removed": 40, "quarantined": 3, "unchanged": 9900, "items": 10080},
        "created_at": datetime(day.year, day.month, day.day, 3, tzinfo=UTC),
        "checks": (PASSED,),
        "survivors": SURVIVORS,
    }
    return Night(**{**row, **values})


def warned(number: int, *checks: Check, **values: Any) -> Night:
    """Return a release that was published with warnings."""
    return night(number, verdict="warn", checks=checks or (WARNED,), **values)


def blocked(number: int, *checks: Check) -> Night:
    """Return a release that the gate refused."""
    return night(number, status="blocked", verdict="block", checks=checks, counts={}, survivors=None)


def facts(*history: Night, title: str | None = "green tea") -> ReleaseFacts:
    """Return what a page about the newest of these releases shows."""
    before = next((n for n in reversed(history[:-1]) if n.published), None)
    seen = history[-1] if history[-1].published else before
    use = CodeUse(1, np.array([0, 5, 2]), np.array([0, 3, 2]))
    state = State(seen.release_id, (use,), {1: 2, 2: 1, 3: 1}, {1: 3, 2: 1}) if seen else None
    example = Example("p'1", title, "1-2-3", "1-4-5#1", 1, "content")
    moved = history[-1].survivors.moved[-1] if history[-1].survivors else 0
    return ReleaseFacts(history[-1], history, before, state, moved, (example,) if moved else ())
