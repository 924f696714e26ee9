"""An evaluation on a page and on a terminal."""

from __future__ import annotations

from semid.measure.evaluation import Measure
from semid.report.evaluation import Evaluation, as_text, lines, section
from semid.report.pages import release_page
from tests.page import Page
from tests.report_facts import facts, night

MEASURES = (
    Measure("perplexity_l10", 3.0),
    Measure("perplexity_l9", 250.5),
    Measure("neighbours_d1", 0.25, 0.2, 0.3, "tail"),
    Measure("neighbours_d1", 0.5, 0.4, 0.6),
    Measure("collision_items", 0.0),
    Measure("items", 12101),
)


def test_levels_of_a_metric_share_a_line_in_their_order() -> None:
    """Level 9 before level 10, counts and collisions first, all before tail, intervals only where there are any."""
    found = [(line.name, line.by, line.slice, line.numbers, line.interval) for line in lines(MEASURES)]
    assert found == [
        ("items", "", "all", "12,101", ""),
        ("collision_items", "", "all", "0", ""),
        ("neighbours", "by depth", "all", "0.5000", "0.4000 to 0.6000"),
        ("neighbours", "by depth", "tail", "0.2500", "0.2000 to 0.3000"),
        ("perplexity", "by level", "all", "250.5 / 3", ""),
    ]
    assert lines(reversed(MEASURES)) == lines(MEASURES)


def test_a_terminal_shows_every_line() -> None:
    text = as_text(MEASURES).splitlines()
    assert len(text) == 6
    assert text[3].split() == ["neighbours", "by", "depth", "all", "0.5000", "0.4000", "to", "0.6000"]


def test_the_release_page_has_the_section_only_with_an_evaluation() -> None:
    """The run's name is text, whatever it holds."""
    shown = facts(night(1, survivors=None))
    assert "How good the codes are" not in release_page(shown, 1.3, {1})
    page = Page(str(section(Evaluation("<b>", MEASURES))))
    assert "Run <b> of semid evaluate" in page.text
    assert len(page.tables["Newest evaluation of this codebook's IDs"]) == 6
