"""The promotion gate: how far a new codebook version may move the IDs that readers know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from semid.measure.churn import churn_of_counts
from semid.measure.gate import Check, PromotionLimits, Status, rising


def compare_versions(
    counts: Sequence[Mapping[str, Any]], levels: int, limits: PromotionLimits, shadow: bool
) -> list[Check]:
    """Return the checks of a candidate against the active version.

    Args:
        counts: Items by `edited` and `common_prefix`, from `frames.promotion.to_prefix_counts`.
        levels: Levels that both versions have.
        limits: The thresholds of depth 1 and of full codes; depths between are reported.
        shadow: Readers stay with the active version, so that nothing is judged, only reported.
    """
    same = [row for row in counts if not row["edited"]]
    by_depth = churn_of_counts(_by_depth(same, levels))
    checks = [_depth(depth, value, levels, limits, shadow) for depth, value in enumerate(by_depth, start=1)]
    items = sum(row["items"] for row in same)
    if items:
        ids = 1 - sum(row["same_ids"] for row in same) / items
        note = "share of printed IDs that change, numbers behind # included"
        checks.append(Check("promotion", "churn_ids", ids, "info", reference=items, note=note))
        before = sum(row["old_error"] for row in same) / items
        after = sum(row["new_error"] for row in same) / items
        note = "mean squared error of the same items; reference: under the active version"
        checks.append(Check("promotion", "quantization_error", after, "info", reference=before, note=note))
    edited = sum(row["items"] for row in counts if row["edited"])
    note = "items edited since; their IDs may change under any version"
    return [*checks, Check("promotion", "edited_items", edited, "info", note=note)]


def _by_depth(rows: Sequence[Mapping[str, Any]], levels: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    counts = np.zeros(levels + 1, np.int64)
    for row in rows:
        counts[min(row["common_prefix"], levels)] += row["items"]
    return counts


def _depth(depth: int, value: float, levels: int, limits: PromotionLimits, shadow: bool) -> Check:
    limit = limits.first if depth == 1 else limits.full if depth == levels else None
    note = "share of items with unchanged content whose first codes change, up to this level"
    if limit is None or shadow:
        note += "; readers stay with the active version" if shadow else ""
        return Check("promotion", "churn", value, "info" if np.isfinite(value) else "block", depth, note=note)
    status: Status = rising(value, limit.warn, limit.block)
    return Check("promotion", "churn", value, status, depth, None, limit.warn, limit.block, note)
