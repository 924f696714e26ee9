"""Plots as inline SVG: lines over nights, ranks, grouped and stacked bars. Colours come from the page's style.

A plot is 540 by 240 units and scales with its box. Colour never carries a meaning alone: lines differ in dashes,
points of a bad night in shape, and every plot stands beside a table of its numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from semid.report.html import Html, number, tag
from semid.report.scale import Scale, short, spread

WIDTH, HEIGHT = 540, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 454, 12, 206
_LETTER = 8.5
"""Width of a letter of a label on a narrow screen, where they are drawn larger."""


@dataclass(frozen=True)
class Heading:
    """What a plot is called, and what a person who cannot see it should know.

    Attributes:
        key: Unique on the page.
        title: Its name.
        description: What is drawn, in a sentence.
    """

    key: str
    title: str
    description: str


@dataclass(frozen=True)
class Series:
    """Values along the horizontal axis.

    Attributes:
        name: For the legend.
        values: One per label; None where there is none.
        marks: Per value pass, warn, block or info: the shape of its point. Empty for a line without points.
    """

    name: str
    values: tuple[float | None, ...]
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limit:
    """A threshold to draw: its name (warn, propose retrain or block) and its value."""

    name: str
    value: float


def line_chart(
    heading: Heading, labels: Sequence[str], series: Sequence[Series], scale: Scale, limits: Sequence[Limit] = ()
) -> Html:
    """Return lines over evenly spaced labels, with thresholds across; a lone value is a point."""
    step = (_RIGHT - _LEFT) / max(len(labels), 1)
    places = [_LEFT + (i + 0.5) * step for i in range(len(labels))]
    lines = [_line(nr, one, labels, places, scale) for nr, one in enumerate(series, 1)]
    return _svg(heading, [_grid(scale), _x_labels(labels, places), _limits(limits, scale), lines])


def rank_chart(heading: Heading, series: Sequence[Series], scale: Scale) -> Html:
    """Return lines over the rank, 1 and up, on a logarithmic axis; values are sorted by the caller."""
    longest = max(len(one.values) for one in series)
    width = (_RIGHT - _LEFT) / max(math.log(longest), 1e-9)
    places = [_LEFT + width * math.log(rank) for rank in range(1, longest + 1)]
    ranks = [rank for rank in _powers(longest) if rank == longest or longest / rank > 1.5]
    axis = _x_labels([short(rank) for rank in ranks], [places[rank - 1] for rank in ranks])
    lines = [_line(nr, one, [], places, scale) for nr, one in enumerate(series, 1)]
    return _svg(heading, [_grid(scale), axis, lines])


def grouped_bars(heading: Heading, labels: Sequence[str], series: Sequence[Series], scale: Scale) -> Html:
    """Return one bar per series beside each other at every label."""
    step, bars = (_RIGHT - _LEFT) / max(len(labels), 1), []
    width = 0.8 * step / len(series)
    for nr, one in enumerate(series):
        for i, value in enumerate(one.values):
            x = _LEFT + i * step + 0.1 * step + nr * width
            bars.append(_bar(nr + 1, (x, width), (0, value or 0), scale, f"{labels[i]}, {one.name}: {number(value)}"))
    return _svg(heading, [_grid(scale), _x_labels(labels, _middles(len(labels), step)), bars])


def stacked_bars(heading: Heading, labels: Sequence[str], series: Sequence[Series], scale: Scale) -> Html:
    """Return one bar per label, the series on top of each other."""
    step, bars = (_RIGHT - _LEFT) / max(len(labels), 1), []
    for i, label in enumerate(labels):
        low = 0.0
        for nr, one in enumerate(series, 1):
            value = one.values[i] or 0.0
            place = (_LEFT + (i + 0.25) * step, 0.5 * step)
            bars.append(_bar(nr, place, (low, low + value), scale, f"{label}, {one.name}: {number(value)}"))
            low += value
    return _svg(heading, [_grid(scale), _x_labels(labels, _middles(len(labels), step)), bars])


def legend(names: Sequence[str], kind: str = "line") -> Html | None:
    """Return the names of several series with their swatch, `line` or `bar`; None for a single one."""
    if len(names) < 2:
        return None
    return tag("ul", [tag("li", _swatch(f"{kind} s{nr}"), name) for nr, name in enumerate(names, 1)], class_="legend")


def mark(status: str, x: float, y: float, text: str = "") -> Html:
    """Return a point whose shape tells the status: circle, triangle (warn), square (block), hollow (info)."""
    title = tag("title", text) if text else None
    if status == "block":
        return tag("rect", title, x=_n(x - 4), y=_n(y - 4), width=8, height=8, class_="mark block")
    if status == "warn":
        corners = f"{_n(x)},{_n(y - 5)} {_n(x + 5)},{_n(y + 4)} {_n(x - 5)},{_n(y + 4)}"
        return tag("polygon", title, points=corners, class_="mark warn")
    return tag("circle", title, cx=_n(x), cy=_n(y), r=3, class_=f"mark {status}")


_GLYPHS = {
    "pass": (tag("circle", r=9), "M-4.5 0.5L-1.5 4L5 -4"),
    "warn": (tag("path", d="M0 -9L10 9H-10Z"), "M0 -3V3M0 5.5V7"),
    "block": (tag("path", d="M-9 -9H9V9H-9Z"), "M-4.5 -4.5L4.5 4.5M-4.5 4.5L4.5 -4.5"),
    "info": (tag("circle", r=9), "M0 -1V5M0 -5V-3.5"),
}


def glyph(status: str, size: int, label: str = "") -> Html:
    """Return a status as a sign: a tick, an exclamation mark, a cross or an i; without `label` it is decoration."""
    shape, sign = _GLYPHS[status]
    hidden = {"role": "img", "aria_label": label} if label else {"aria_hidden": "true"}
    title = tag("title", label) if label else None
    parts = [title, shape, tag("path", d=sign, class_="sign")]
    return tag("svg", parts, viewBox="-11 -11 22 22", width=size, height=size, class_=f"glyph {status}", **hidden)


def _swatch(kind: str) -> Html:
    shape = "M0 5H22" if kind.startswith("line") else "M4 0H16V10H4Z"
    return tag("svg", tag("path", d=shape, class_=kind), viewBox="0 0 22 10", width=22, height=10, aria_hidden="true")


def _svg(heading: Heading, parts: Sequence[object]) -> Html:
    title, desc = f"{heading.key}-title", f"{heading.key}-desc"
    return tag(
        "svg",
        tag("title", heading.title, id=title),
        tag("desc", heading.description, id=desc),
        list(parts),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_labelledby=f"{title} {desc}",
        class_="plot",
    )


def _grid(scale: Scale) -> list[Html]:
    return [
        part
        for value in scale.ticks
        for part in (
            tag("path", d=f"M{_LEFT} {_y(scale, value)}H{_RIGHT}", class_="grid"),
            tag("text", short(value), x=_LEFT - 6, y=_y(scale, value), dy="0.35em", text_anchor="end"),
        )
    ]


def _x_labels(labels: Sequence[str], places: Sequence[float]) -> list[Html]:
    widest = _LETTER * (max(map(len, labels), default=0) + 1)
    every = math.ceil(len(labels) * widest / (_RIGHT - _LEFT)) or 1
    chosen = range((len(labels) - 1) % every, len(labels), every)  # the newest is always labelled
    return [tag("text", labels[i], x=_n(places[i]), y=_BOTTOM + 18, text_anchor="middle") for i in chosen]


def _limits(limits: Sequence[Limit], scale: Scale) -> list[Html]:
    heights = spread([(_BOTTOM - _TOP) * scale.place(limit.value) for limit in limits], gap=11)
    return [
        part
        for limit, height in zip(limits, heights, strict=True)
        for part in (
            tag("path", d=f"M{_LEFT} {_y(scale, limit.value)}H{_RIGHT}", class_=f"limit {limit.name.split()[0]}"),
            tag(
                "text",
                f"{limit.name.split()[0]} {limit.value:.3g}",
                x=_RIGHT + 4,
                y=_n(_BOTTOM - height),
                dy="0.35em",
                class_=limit.name.split()[0],
            ),
        )
    ]


def _line(nr: int, one: Series, labels: Sequence[str], places: Sequence[float], scale: Scale) -> list[Html]:
    drawn: list[Html] = []
    for run in _runs(one.values):
        steps = [f"{_n(places[i])} {_y(scale, one.values[i] or 0)}" for i in run]
        drawn.append(tag("path", d="M" + "L".join(steps), class_=f"line s{nr}"))
    points = [
        mark(status, places[i], float(_y(scale, value)), f"{labels[i]}: {one.name} {number(value)}")
        for i, (value, status) in enumerate(zip(one.values, one.marks, strict=False))
        if value is not None
    ]
    return [*drawn, tag("g", points, class_=f"points s{nr}")] if points else drawn


def _runs(values: Sequence[float | None]) -> Iterator[list[int]]:
    """Yield the stretches of indices without a gap."""
    run: list[int] = []
    for i, value in enumerate(values):
        if value is not None:
            run.append(i)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _bar(nr: int, place: tuple[float, float], ends: tuple[float, float], scale: Scale, text: str) -> Html | None:
    low, high = (float(_y(scale, end)) for end in ends)
    if ends[0] == ends[1]:
        return None
    title = tag("title", text)
    height = _n(max(low - high, 1))  # a single item among thousands is still seen
    return tag("rect", title, x=_n(place[0]), y=_n(high), width=_n(place[1]), height=height, class_=f"bar s{nr}")


def _middles(count: int, step: float) -> list[float]:
    return [_LEFT + (i + 0.5) * step for i in range(count)]


def _powers(longest: int) -> list[int]:
    return [*(4**n for n in range(int(math.log(longest, 4)) + 1) if 4**n < longest), longest]


def _y(scale: Scale, value: float) -> str:
    return _n(_BOTTOM - (_BOTTOM - _TOP) * min(max(scale.place(value), -0.05), 1.05))


def _n(value: float) -> str:
    return f"{value:.1f}"
