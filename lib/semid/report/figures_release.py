"""The plots of one release: churn by depth, use of the codes per level, sizes of the buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from semid.measure.drift import perplexity, used_codes
from semid.report.charts import Heading, Series, grouped_bars, legend, rank_chart, stacked_bars
from semid.report.facts import CodeUse, State, Survivors
from semid.report.figures import figure
from semid.report.html import Html, number, share, table
from semid.report.scale import linear, logarithmic

_BINS = (*range(1, 11), 20, 50, 100, 1000)
"""Lower ends of the histogram's bars; the table has every size."""
_COHORTS = ("text edited", "content unchanged")


def churn(survivors: Survivors) -> Html:
    """Return how many surviving items changed their first codes, by depth, split by whether their text did."""
    heading = Heading(
        "churn",
        "Churn by depth",
        f"Of {survivors.total:,} surviving items, how many have another ID at each depth, edited and not edited.",
    )
    depths = len(survivors.moved) - 1
    labels = [*(f"depth {depth}" for depth in range(1, depths + 1)), "whole ID"]
    parts = (survivors.moved_edited, survivors.moved_unchanged)
    series = [Series(name, tuple(map(float, part))) for name, part in zip(_COHORTS, parts, strict=True)]
    scale = linear(0, max(1, *survivors.moved))
    rows = [
        (label, edited, share(edited, survivors.edited), other, share(other, survivors.unchanged))
        for label, edited, other in zip(labels, *parts, strict=True)
    ]
    columns = ["moved at", "edited", "of all edited", "unchanged", "of all unchanged"]
    note = f"{survivors.edited:,} survivors were edited, {survivors.unchanged:,} were not. Whole ID counts the # too."
    return figure(
        heading,
        stacked_bars(heading, labels, series, scale),
        table(columns, rows, heading.title),
        legend(_COHORTS, "bar"),
        note,
    )


def code_use(use: CodeUse) -> Html:
    """Return how many items and contents the codes of a level have, most used first."""
    heading = Heading(
        f"level-{use.level}",
        f"Level {use.level}: use of its {len(use.items):,} codes",
        "Items and distinct contents per code, most used code first; both axes are logarithmic. Flat is even.",
    )
    ranked = [np.sort(counts)[::-1] for counts in (use.items, use.contents)]
    names = ("items", "distinct contents")
    series = [Series(name, tuple(map(float, counts))) for name, counts in zip(names, ranked, strict=True)]
    plot = rank_chart(heading, series, logarithmic(float(ranked[0][0])))
    rows = [
        ("codes in use", used_codes(use.items), used_codes(use.contents)),
        ("perplexity", perplexity(use.items), perplexity(use.contents)),
        ("share of the fullest code", *(share(counts[0], counts.sum()) for counts in ranked)),
        *((f"rank {rank:,}", *(int(counts[rank - 1]) for counts in ranked)) for rank in _ranks(len(use.items))),
    ]
    return figure(heading, plot, table(["", *names], rows, heading.title), legend(names))


def buckets(state: State) -> Html:
    """Return how many buckets there are of each size."""
    sides = (state.buckets_of_items, state.buckets_of_contents)
    sizes = sorted({size for side in sides for size in side})
    total = [sum(side.values()) for side in sides]
    heading = Heading(
        "buckets",
        "Collisions: buckets by size",
        f"{total[0]:,} buckets (items with equal codes), by the items and by the distinct contents in them.",
    )
    names = ("size in items", "size in distinct contents")
    labels, binned = _histogram(sides)
    series = [Series(name, values) for name, values in zip(names, binned, strict=True)]
    plot = grouped_bars(heading, labels, series, logarithmic(max(v or 0 for one in series for v in one.values)))
    rows = [(size, *(side.get(size, 0) for side in sides)) for size in sizes]
    held = [sum(size * count for size, count in side.items()) for side in sides]
    note = " ".join(
        f"{number(all_)} {name}: collision rate {1 - found / all_:.4f}."
        for name, all_, found in zip(("items", "distinct contents"), held, total, strict=True)
    )
    return figure(
        heading,
        plot,
        table(["size", "buckets by items", "by contents"], rows, heading.title),
        legend(names, "bar"),
        note,
    )


def _histogram(sides: Sequence[Mapping[int, int]]) -> tuple[list[str], list[tuple[float, ...]]]:
    """Return the bars' labels and, per side, the number of buckets in each."""
    largest = max(size for side in sides for size in side)
    starts = [start for start in _BINS if start <= largest]
    ends = [*starts[1:], largest + 1]
    labels = [str(a) if b == a + 1 else f"{a}–{b - 1}" for a, b in zip(starts, ends, strict=True)]
    values = [
        tuple(float(sum(n for size, n in side.items() if a <= size < b)) for a, b in zip(starts, ends, strict=True))
        for side in sides
    ]
    return labels, values


def _ranks(size: int) -> list[int]:
    ranks = [rank for rank in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if rank < size]
    return [*ranks, size]
