"""A map of items: a sample of contents by what their vectors say, with the names of the codes on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semid.report.code_facts import Branch, ItemMap, LabelledCodes
from semid.report.html import Html, table, tag

COLOURS = 8
"""Okabe and Ito's colours, which people with any kind of colour vision tell apart. More codes than colours share them:
the same colour close by is the same code."""

_WIDTH, _HEIGHT, _MARGIN = 1100, 640, 24
_LETTER, _LINE = 7.2, 17
_KEY = 12
"""Codes with the most items: listed below the map, their names in bold."""
_FEWEST = 3
"""Points of a code in the sample that its name needs to stand on the map."""

Places = NDArray[np.float64]

_TITLE = "Map of items by first code"


@dataclass(frozen=True)
class _Name:
    text: str
    x: float
    y: float
    main: bool

    def box(self) -> tuple[float, float, float, float]:
        half = len(self.text) * _LETTER / 2
        return self.x - half, self.y - _LINE, self.x + half, self.y + 4

    def meets(self, other: _Name) -> bool:
        left, top, right, bottom = self.box()
        left2, top2, right2, bottom2 = other.box()
        return left < right2 and left2 < right and top < bottom2 and top2 < bottom


def item_map(codes: LabelledCodes) -> Html | None:
    """Return the map, with a table of the codes with the most items below it; None when there is no vector to draw."""
    found, branches = codes.map, codes.tree.family.shown
    if found is None or not found.codes:
        return None
    places = _scaled(found)
    middles = _middles(places, found.codes)
    colours = _colours(middles, [branch.prefix for branch in branches])
    dots = [_dots(places, [colours[code] for code in found.codes], colour) for colour in range(1, COLOURS + 1)]
    names = [_text(name) for name in _names(middles, found.codes, branches)]
    plot = tag(
        "svg",
        tag("title", _TITLE, id="item-map-title"),
        tag("desc", "Every point is a content; points that mean similar things lie together.", id="item-map-desc"),
        dots,
        names,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_labelledby="item-map-title item-map-desc",
        class_="plot",
    )
    note = (
        f"{len(found.codes):,} distinct contents, a sample by hash, laid out by t-SNE from their vectors: neighbours "
        "mean similar things, far distances say nothing. Points of one colour side by side have the same first code; "
        f"{COLOURS} colours serve all codes. A name stands in the middle of its code's points, as far as there is room."
    )
    key = _key(branches, found.codes, colours)
    return tag("section", tag("h3", _TITLE), tag("div", plot, class_="map"), tag("p", note, class_="note"), key)


def _key(branches: Sequence[Branch], codes: Sequence[str], colours: Mapping[str, int]) -> Html:
    rows = [
        (
            _swatch(colours.get(branch.prefix, 0)),
            tag("code", branch.prefix),
            tag("bdi", branch.label),
            branch.items,
            codes.count(branch.prefix),
        )
        for branch in branches[:_KEY]
    ]
    return table(["", "code", "label", "items", "on the map"], rows, _TITLE)


def _swatch(nr: int) -> Html:
    dot = tag("path", d="M8 8h0", class_=f"dot m{nr}")
    return tag("svg", dot, viewBox="0 0 16 16", width=16, height=16, aria_hidden="true", class_="key")


def _scaled(found: ItemMap) -> Places:
    room = np.array([_WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN])
    return np.asarray(_MARGIN + found.places.astype(np.float64) * room)


def _middles(places: Places, codes: Sequence[str]) -> dict[str, Places]:
    own = np.array(codes)
    return {str(code): np.median(places[own == code], axis=0) for code in np.unique(own)}


def _colours(middles: Mapping[str, Places], biggest: Sequence[str]) -> dict[str, int]:
    """Return a colour, 1 and up, per code: one that is not near yet; the codes with the most items choose first."""
    order = [code for code in biggest if code in middles]
    order += sorted(middles.keys() - set(order))
    chosen: dict[str, int] = {}
    for code in order:
        near = dict.fromkeys(range(1, COLOURS + 1), np.inf)
        for other, colour in chosen.items():
            near[colour] = min(near[colour], float(np.linalg.norm(middles[code] - middles[other])))
        chosen[code] = max(near, key=lambda colour: near[colour])
    return chosen


def _dots(places: Places, colours: Sequence[int], colour: int) -> Html | None:
    steps = [f"M{x:.0f} {y:.0f}h0" for (x, y), own in zip(places, colours, strict=True) if own == colour]
    return tag("path", d="".join(steps), class_=f"dot m{colour}") if steps else None


def _names(middles: Mapping[str, Places], codes: Sequence[str], branches: Sequence[Branch]) -> list[_Name]:
    """Return the names that fit, the codes with the most items first: one that would cover another is left out."""
    points = Counter(codes)
    kept: list[_Name] = []
    for nr, branch in enumerate(branches):
        if points[branch.prefix] < _FEWEST or branch.label is None:
            continue
        x, y = middles[branch.prefix]
        text = branch.label.split(", ")[0]
        half = len(text) * _LETTER / 2
        name = _Name(text, min(max(float(x), half), _WIDTH - half), float(y), main=nr < _KEY)
        if not any(name.meets(other) for other in kept):
            kept.append(name)
    return kept


def _text(name: _Name) -> Html:
    style = "name main" if name.main else "name"
    return tag("text", name.text, x=f"{name.x:.0f}", y=f"{name.y:.0f}", text_anchor="middle", class_=style)
