"""What the codes mean, on the page: the tree to browse and the map; from tables, in tests/jobs/test_tree.py."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from semid.report.code_facts import Branch, CodeTree, Family, ItemMap, LabelledCodes
from semid.report.code_map_plot import COLOURS
from semid.report.code_tree import meaning
from semid.report.pages import release_page
from tests.page import Page, number
from tests.report_facts import facts, night


def page(codes: LabelledCodes | None) -> Page:
    """Return a whole release page with these codes on it."""
    made = Page(release_page(replace(facts(night(1)), codes=codes), 1.3, set()))
    made.check_self_contained()
    return made


def branch(prefix: str, label: str = "tea", below: Family = Family()) -> Branch:  # noqa: B008 - frozen
    return Branch(prefix, 10, label, 0.5, ("green", "leaf"), ("Green tea", "Black tea"), below)


def codes(family: Family, places: list[tuple[float, float]], own: str) -> LabelledCodes:
    return LabelledCodes(CodeTree(1, 1, 40, family), ItemMap(np.array(places, np.float32), tuple(own)))


def dots(source: str) -> dict[int, list[tuple[int, int]]]:
    """Return the points of the map by colour, without the key's."""
    drawn = source.partition('<div class="map">')[2].partition("</div>")[0]
    found = {int(nr): path for path, nr in re.findall(r'd="([^"]*)" class="dot m(\d)"', drawn)}
    return {nr: [(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h0", path)] for nr, path in found.items()}


def test_branches_nest() -> None:
    """A child is inside its parent's details, behind the parent's words."""
    made = page(codes(Family((branch("7", "drinks", Family((branch("7-1", "tea"),))), branch("8", "soap"))), [], ""))
    inside = made.source.partition("<b>drinks</b>")[2]
    assert inside.index("7-1") < inside.index("</details></li></ul></details>") < inside.index("<b>soap</b>")


def test_nobody_has_labelled() -> None:
    """The page names the command, and draws nothing."""
    for nothing in (None, LabelledCodes(CodeTree(1, None, 9, Family()), None)):
        made = page(nothing)
        assert "No code has a label yet: semid label-codes." in made.text
        assert "Map of items by first code" not in made.plots


def test_carried_labels_are_called_so() -> None:
    """The reader learns whose labels they are."""
    tree = CodeTree(2, 1, 9, Family((branch("1"),)))
    assert "The labels are those of codebook 1" in page(LabelledCodes(tree, None)).text


def test_the_map_has_every_content_once() -> None:
    """One dot each, inside the frame, a colour per code; the table counts them, a name stands on three points or more."""
    own = "aaaaabbbbbc"
    places = [(i / 10, (i % 3) / 2) for i in range(len(own))]
    made = page(codes(Family((branch("a", "tea, leaf"), branch("b", "soap"))), places, own))
    drawn = dots(made.source)
    assert sorted(len(points) for points in drawn.values()) == [1, 5, 5]
    assert all(0 <= x <= 1100 and 0 <= y <= 640 for points in drawn.values() for x, y in points)
    rows = made.tables["Map of items by first code"]
    assert [[row[1], row[2], number(row[4])] for row in rows[1:]] == [["a", "tea, leaf", 5], ["b", "soap", 5]]
    assert re.findall(r'class="name main">([^<]*)<', made.source) == ["tea", "soap"]


def test_names_do_not_cover_each_other() -> None:
    """Of two codes in one place the one with more items is named."""
    made = page(
        codes(Family((branch("a", "tea"), branch("b", "soap"))), [(0.5, 0.5)] * 8 + [(0, 0), (1, 1)], "abababab" + "ab")
    )
    assert re.findall(r'class="name main">([^<]*)<', made.source) == ["tea"]


def test_codes_side_by_side_differ_in_colour() -> None:
    """On a line of forty codes, the next ones on both sides have another colour."""
    names = [chr(0x4E00 + i) for i in range(40)]
    family = Family(tuple(branch(name) for name in names[::3]))
    made = meaning(codes(family, [(i / 39, 0.5) for i in range(40)], "".join(names)))
    along = [colour for _, colour in sorted((x, colour) for colour, own in dots(made).items() for x, _ in own)]
    assert set(along) == set(range(1, COLOURS + 1))
    assert all(a != b for a, b in pairwise(along))


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_few_contents(count: int) -> None:
    """A map of nothing is left out; one of a point or two is drawn."""
    made = page(codes(Family((branch("a"),)), [(0.5, 0.5)] * count, "a" * count))
    assert ("Map of items by first code" in made.plots) == (count > 0)
