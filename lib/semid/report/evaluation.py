"""An evaluation for people: one line per metric and slice, its levels or depths side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from semid.measure.evaluation import Measure
from semid.measure.popularity import SLICES
from semid.report.html import Html, number, table, tag

_PLACED = re.compile(r"(.+)_[ld](\d+)")
_ORDER = ("items", "texts", "collision", "singleton", "largest", "gini_buckets", "mean_bucket", "distinct")
_UNITS = {"l": "by level", "d": "by depth"}


@dataclass(frozen=True)
class Line:
    """A metric of a slice.

    Attributes:
        name: The metric without level or depth.
        by: "by level", "by depth", or "" for a single number.
        slice: Which items.
        values: Coarse to fine.
        intervals: The ends of each value's interval.
    """

    name: str
    by: str
    slice: str
    values: tuple[float | None, ...]
    intervals: tuple[tuple[float | None, float | None], ...]

    @property
    def numbers(self) -> str:
        """The values for people."""
        return " / ".join(_shown(value) for value in self.values)

    @property
    def interval(self) -> str:
        """The intervals for people; empty when the numbers are exact."""
        if not any(low is not None for low, _ in self.intervals):
            return ""
        return " / ".join(f"{_shown(low)} to {_shown(high)}" for low, high in self.intervals)


@dataclass(frozen=True)
class Evaluation:
    """An evaluation of the codes of one codebook version: its run, and what it measured."""

    run_id: str
    measures: tuple[Measure, ...]


def lines(measures: Iterable[Measure]) -> list[Line]:
    """Return the lines, counts first, then by name; within a name all, head, mid, tail."""
    groups: dict[tuple[str, str, str], dict[int, Measure]] = {}
    for measure in measures:
        placed = _PLACED.fullmatch(measure.metric)
        name = placed.group(1) if placed else measure.metric
        unit = _UNITS[measure.metric[len(name) + 1]] if placed else ""
        groups.setdefault((name, unit, measure.slice), {})[int(placed.group(2)) if placed else 0] = measure
    found = []
    for (name, unit, part), places in sorted(groups.items(), key=lambda item: _place(*item[0])):
        ordered = [places[place] for place in sorted(places)]
        values, ends = tuple(m.value for m in ordered), tuple((m.low, m.high) for m in ordered)
        found.append(Line(name, unit, part, values, ends))
    return found


def as_text(measures: Iterable[Measure]) -> str:
    """Return the lines as a table for a terminal."""
    rows = [("metric", "items", "value", "95 % interval")]
    rows += [(f"{line.name} {line.by}".strip(), line.slice, line.numbers, line.interval) for line in lines(measures)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    padded = (tuple(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join("  ".join(row).rstrip() for row in padded)


def section(evaluation: Evaluation | None) -> Html | None:
    """Return the part of a release's page on the newest evaluation of its codebook; None without one."""
    if evaluation is None:
        return None
    rows = [(line.name, line.by, line.slice, line.numbers, line.interval) for line in lines(evaluation.measures)]
    title = "Newest evaluation of this codebook's IDs"
    note = f"Run {evaluation.run_id} of semid evaluate; docs/evaluation.md says what each number means."
    columns = ["metric", "", "items", "value", "95 % interval"]
    return tag("section", tag("h2", "How good the codes are"), tag("p", note), table(columns, rows, title))


def _place(name: str, by: str, part: str) -> tuple[int, str, int]:
    parts: Sequence[str] = ("all", *SLICES)
    first = next((i for i, start in enumerate(_ORDER) if name.startswith(start)), len(_ORDER))
    return first, f"{name} {by}", parts.index(part) if part in parts else len(parts)


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if 0 < abs(value) < 1 else number(float(value))
