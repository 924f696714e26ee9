"""The plots of the pages about uses show the numbers of their tables."""

from __future__ import annotations

import pytest

from tests.bench.figures import DOCS, FIGURES, value


@pytest.mark.parametrize("name", FIGURES)
def test_a_plot_is_drawn_from_its_pages_table(name):
    """After a table has moved on: python -m tests.bench.figures."""
    assert (DOCS / "figures" / f"{name}.svg").read_text() == FIGURES[name]() + "\n"
    assert any(f"](figures/{name}.svg)" in page.read_text() for page in DOCS.glob("*.md"))


@pytest.mark.parametrize(
    ("cell", "number"),
    [(".0473 (.0353-.0594)", 0.0473), ("99.63%", 99.63), ("-.0107 ± .0171", -0.0107), ("12,101", 12101)],
)
def test_a_cell_is_the_number_it_begins_with(cell, number):
    assert value(cell) == number
