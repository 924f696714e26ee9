"""The plots of the pages about uses, drawn from the tables of those pages, so that both say the same.

Usage: python -m tests.bench.figures      (writes docs/figures/*.svg; a test fails when a table has moved on)
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from semid.report.html import Html, tag
from semid.report.scale import Scale, linear, short

DOCS = Path(__file__).parents[2] / "docs"
WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 440, 34, 250
COLOURS = ("#4063d8", "#c04f2f", "#2f8f4f", "#8050b0", "#707070")
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 4")
STYLE = "text{font:11px sans-serif;fill:#222}.title{font-weight:bold}.grid{stroke:#ddd}"

Row = Mapping[str, str]


@dataclass(frozen=True)
class Axis:
    """An axis: its name, where values lie, and how a tick is printed."""

    name: str
    scale: Scale
    label: Callable[[float], str] = short


@dataclass(frozen=True)
class Curve:
    """Points (x, y) in the order in which they are joined."""

    name: str
    points: Sequence[tuple[float, float]]


def main() -> None:
    for name, draw in FIGURES.items():
        (DOCS / "figures" / f"{name}.svg").write_text(draw() + "\n")


def rows_of(page: str, first: str, where: Callable[[Row], bool] = lambda _row: True) -> list[Row]:
    """Return the rows of the page's table whose first column is called `first`."""
    lines = (DOCS / page).read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {first} |"))
    names = _cells(lines[start])
    rows: list[Row] = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(names, _cells(line), strict=True)))
    return [row for row in rows if where(row)]


def value(cell: str) -> float:
    """Return the number that a cell begins with."""
    found = re.match(r"-?[\d,]*\.?\d+", cell)
    assert found, cell
    return float(found[0].replace(",", ""))


def logarithmic(low: float, ticks: Sequence[float]) -> Scale:
    """Return a logarithmic scale from `low` to the last tick."""
    width = math.log(ticks[-1] / low)
    return Scale(lambda x: math.log(x / low) / width, tuple(ticks))


def curves(title: str, x: Axis, y: Axis, drawn: Sequence[Curve]) -> Html:
    """Return curves with points, told apart by colour and dashes, and their legend."""
    lines = [_curve(curve, nr, x, y) for nr, curve in enumerate(drawn)]
    ticks = [
        tag("text", x.label(t), x=f"{_across(x, t):.1f}", y=BOTTOM + 16, text_anchor="middle") for t in x.scale.ticks
    ]
    return _svg(title, [_grid(y), ticks, _names(x, y), lines, _legend([c.name for c in drawn], 0)])


def bars(title: str, y: Axis, rows: Sequence[Row], name: str, columns: Sequence[str]) -> Html:
    """Return a group of bars for every row, labelled by its cell `name`, a bar for each column."""
    step = (BOTTOM - TOP) / len(rows)
    height, drawn = 0.76 * step / len(columns), []
    for n, row in enumerate(rows):
        top = TOP + n * step + 0.12 * step
        drawn.append(tag("text", row[name], x=LEFT + 104, y=f"{top + 0.38 * step:.1f}", dy="0.35em", text_anchor="end"))
        for nr, column in enumerate(columns):
            width = (RIGHT - LEFT - 110) * _inside(max(y.scale.place(value(row[column])), 0))
            place = {
                "x": LEFT + 110,
                "y": f"{top + nr * height:.1f}",
                "width": f"{width:.1f}",
                "height": f"{height:.1f}",
            }
            drawn.append(tag("rect", tag("title", f"{row[name]}, {column}: {row[column]}"), fill=COLOURS[nr], **place))
    places = [(t, LEFT + 110 + (RIGHT - LEFT - 110) * y.scale.place(t)) for t in y.scale.ticks]
    grid = [tag("path", d=f"M{at:.1f} {TOP}V{BOTTOM}", class_="grid") for _, at in places]
    labels = [tag("text", y.label(t), x=f"{at:.1f}", y=BOTTOM + 16, text_anchor="middle") for t, at in places]
    axis = tag("text", y.name, x=(LEFT + 110 + RIGHT) / 2, y=BOTTOM + 34, text_anchor="middle")
    return _svg(title, [grid, labels, axis, drawn, _legend(columns, None)])


def diversification() -> Html:
    """What a slate gains in first codes, against what it gives up in relevance."""
    found = []
    for gamma in ("0", "1", "3"):
        rows = rows_of("diversification.md", "gamma", lambda row, gamma=gamma: row["gamma"] == gamma)
        points = [(100 - value(row["relevance kept"]), value(row["level 1 in ten"])) for row in rows]
        found.append(Curve(f"gamma {gamma}", sorted(points)))
    x, y = (
        Axis("relevance given up, %; a point is a prefix weight", linear(0, 0.9)),
        Axis("distinct first codes in any ten positions", linear(3.5, 6)),
    )
    return curves("Diversification on Beauty: what the prefix term gains and costs", x, y, found)


def hybrid() -> Html:
    """Recall against the share of the catalog that is compared."""
    names = ("depth 1", "depth 2", "depth 1, plain", "faiss IVF256")
    found = [
        Curve(name, [(value(row["scanned"]), value(row["recall@10"])) for row in rows_of("hybrid.md", "filter", one)])
        for name in names
        for one in [lambda row, name=name: row["filter"] == name]
    ]
    x = Axis("share of the items scanned, % (logarithmic)", logarithmic(0.025, (0.03, 0.1, 0.3, 1, 3, 10)))
    return curves("Hybrid retrieval on Beauty", x, Axis("recall@10", linear(0.2, 1)), found)


def cold_start() -> Html:
    """Recall of cold items by epsilon, beside the semantic neighbours."""
    found = []
    for name in (
        "own, then generator: 2 codes",
        "generator: 2 codes",
        "own, then generator: 3 codes",
        "generator: 3 codes",
    ):
        rows = rows_of("cold_start.md", "lists", lambda row, name=name: row["lists"].startswith(f"{name},"))
        points = [(value(row["lists"].split("epsilon ")[1]), value(row["R@10, cold"])) for row in rows]
        found.append(Curve(name, points))
    (row,) = rows_of("cold_start.md", "lists", lambda row: row["lists"] == "semantic kNN of the last 1")
    found.append(Curve(row["lists"], [(0.1, value(row["R@10, cold"])), (1, value(row["R@10, cold"]))]))
    x = Axis("epsilon, the share of a list for cold items (logarithmic)", logarithmic(0.09, (0.1, 0.2, 0.3, 1)))
    return curves("Cold items of Beauty", x, Axis("Recall@10 of cold items", linear(0, 0.07)), found)


def ranking() -> Html:
    """AUC by feature, over all items and on cold ones."""
    rows = rows_of("ranking.md", "features", lambda row: "AUC, all" in row)
    named = [{"features": row["features"], "all items": row["AUC, all"], "cold items": row["cold"]} for row in rows]
    return bars("Ranking on Beauty: features of an item", Axis("AUC, from .4; a coin has .5", linear(0.4, 0.85)), named, "features",
                ("all items", "cold items"))  # fmt: skip


def generative() -> Html:
    """Recall of one generator with four kinds of IDs."""
    rows = rows_of("generative.md", "IDs")
    y = Axis("share of users, 14 epochs", linear(0, 0.08))
    return bars("The same generator, IDs of four kinds (Beauty)", y, rows, "IDs", ("Recall@5", "Recall@10"))


def search() -> Html:
    """Recall of made queries by retriever."""
    rows = rows_of("generative.md", "retriever")
    y = Axis("share of 2,000 queries", linear(0, 1))
    return bars("Search by made queries on Beauty", y, rows, "retriever", ("Recall@1", "Recall@10"))


FIGURES = {
    "diversification": diversification,
    "hybrid": hybrid,
    "cold_start": cold_start,
    "ranking": ranking,
    "generative": generative,
    "search": search,
}


def _cells(line: str) -> list[str]:
    names = [cell.strip() for cell in line.strip().strip("|").split("|")]
    # A name that comes twice is the first one's: AUC before log-loss.
    return [name if name not in names[:n] or n == 0 else f"{name} ({n})" for n, name in enumerate(names)]


def _curve(curve: Curve, nr: int, x: Axis, y: Axis) -> list[Html]:
    places = [(_across(x, a), BOTTOM - (BOTTOM - TOP) * _inside(y.scale.place(b))) for a, b in curve.points]
    path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
    line = tag("path", d=path, fill="none", stroke=COLOURS[nr], stroke_width=2, stroke_dasharray=DASHES[nr] or None)
    points = [
        tag(
            "circle",
            tag("title", f"{curve.name}: {p[0]:g}, {p[1]:g}"),
            cx=f"{a:.1f}",
            cy=f"{b:.1f}",
            r=3,
            fill=COLOURS[nr],
        )
        for p, (a, b) in zip(curve.points, places, strict=True)
    ]
    return [line, *points]


def _inside(place: float) -> float:
    """Return a place on an axis, or fail: the table has moved on beyond it."""
    assert place <= 1, "a number lies beyond its axis"
    return place


def _across(x: Axis, at: float) -> float:
    return LEFT + (RIGHT - LEFT) * x.scale.place(at)


def _grid(y: Axis) -> list[Html]:
    heights = [(t, BOTTOM - (BOTTOM - TOP) * y.scale.place(t)) for t in y.scale.ticks]
    lines = [tag("path", d=f"M{LEFT} {at:.1f}H{RIGHT}", class_="grid") for _, at in heights]
    return [
        *lines,
        *[tag("text", y.label(t), x=LEFT - 6, y=f"{at:.1f}", dy="0.35em", text_anchor="end") for t, at in heights],
    ]


def _names(x: Axis, y: Axis) -> list[Html]:
    middle = (TOP + BOTTOM) / 2
    return [
        tag("text", x.name, x=(LEFT + RIGHT) / 2, y=BOTTOM + 34, text_anchor="middle"),
        tag("text", y.name, x=14, y=middle, text_anchor="middle", transform=f"rotate(-90 14 {middle})"),
    ]


def _legend(names: Sequence[str], dashed: int | None) -> list[Html]:
    parts: list[Html] = []
    for nr, name in enumerate(names):
        at = TOP + 12 + 18 * nr
        stroke = {"stroke": COLOURS[nr], "stroke_width": 2 if dashed is not None else 8}
        dash = DASHES[nr] or None if dashed is not None else None
        parts.append(tag("path", d=f"M{RIGHT + 12} {at}h24", stroke_dasharray=dash, **stroke))
        parts.append(tag("text", name, x=RIGHT + 42, y=at, dy="0.35em"))
    return parts


def _svg(title: str, parts: Sequence[object]) -> Html:
    return tag(
        "svg",
        tag("title", title),
        tag("style", Html(STYLE)),
        tag("rect", width=WIDTH, height=HEIGHT, fill="#fff"),
        tag("text", title, x=LEFT, y=18, class_="title"),
        list(parts),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
    )


if __name__ == "__main__":
    main()
