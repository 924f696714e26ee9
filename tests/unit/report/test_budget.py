"""The tuner's page and terminal table."""

from __future__ import annotations

import math

from semid.measure.budget import Recommendation, Trial, trial_measures
from semid.report.budget import as_text, budget_page
from tests.page import Page

SMALL = Trial((8, 8), 0.5, 0.25, 40, 0.4, math.nan, 1.0, (4.0, 7.0), ())
LARGE = Trial((16, 16), 0.125, 0.1, 7, 0.3, 0.35, 0.9375, (10.0, 12.0), (0.5, 0.1))


def test_the_page_is_whole_and_every_plot_has_its_numbers() -> None:
    """Two plots beside their tables, the reason as text, no number where there were no held-out texts."""
    page = Page(budget_page([SMALL, LARGE], 1000, Recommendation((8, 8), "cheap <enough>")))
    page.check_self_contained()
    assert "cheap <enough>" in page.text
    assert set(page.plots) <= set(page.tables)
    rows = page.tables["Every setting of the grid"]
    assert rows[1] == ["1", "8-8", "16", "0.5", "0.25", "", "0.4", "1", "250", "40", ""]
    assert rows[2] == ["2", "16-16", "32", "0.125", "0.1", "0.35", "0.3", "0.9375", "100", "7", "0.500 / 0.100"]


def test_a_terminal_has_a_line_per_setting_fewest_codes_first() -> None:
    text = as_text([*trial_measures(LARGE, 1000), *trial_measures(SMALL, 1000)]).splitlines()
    assert [line.split()[:3] for line in text[1:]] == [["8-8", "16", "0.5"], ["16-16", "32", "0.125"]]
