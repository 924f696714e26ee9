"""Plots: values lie where their numbers say, labels do not lie on each other, meaning is not in colour alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semid.report.charts import Heading, Limit, Series, grouped_bars, legend, line_chart, rank_chart, stacked_bars
from semid.report.scale import linear, logarithmic, spread

HEADING = Heading("k", "Title <b>", "What is drawn")
BOTTOM, TOP = 206, 12


def lines(svg: str, kind: str) -> list[list[tuple[float, float]]]:
    """Return the points of each line of a class."""
    found = re.findall(rf'<path d="M([^"HV]*)" class="line {kind}"', svg)
    return [[tuple(map(float, p.split())) for p in line.split("L")] for line in found]  # type: ignore[misc]


def bars(svg: str, kind: str) -> list[tuple[float, float, float, float]]:
    """Return (x, y, width, height) of each bar of a class."""
    shape = rf'<rect x="([^"]*)" y="([^"]*)" width="([^"]*)" height="([^"]*)" class="bar {kind}"'
    return [tuple(map(float, found)) for found in re.findall(shape, svg)]  # type: ignore[misc]


def test_a_line_goes_through_its_values() -> None:
    """Places from left to right, heights in proportion; a gap ends the line and a lone value is a point."""
    values = (0.0, 5.0, None, 10.0)
    svg = line_chart(HEADING, ["a", "b", "c", "d"], [Series("s", values, ("pass",) * 4)], linear(0, 10))
    first, second = lines(svg, "s1")
    assert [y for _, y in first] == [BOTTOM, (BOTTOM + TOP) / 2]
    assert second[0][1] == TOP
    assert first[0][0] < first[1][0] < second[0][0]
    assert svg.count("<circle") == 3
    assert "b: s 5</title>" in svg


def test_limits_are_drawn_at_their_value_with_a_name() -> None:
    """Two close limits have labels that do not overlap; the lines stay where they belong."""
    limits = [Limit("warn", 5.0), Limit("retrain", 5.1), Limit("block", 10.0)]
    svg = line_chart(HEADING, ["a"], [Series("s", (1.0,))], linear(0, 10), limits)
    heights = [float(y) for y in re.findall(r'<path d="M\d+ ([\d.]+)H\d+" class="limit', svg)]
    assert heights == pytest.approx([109, 107.1, 12], abs=0.06)
    labels = {name: float(y) for y, name in re.findall(r'<text x="\d+" y="([\d.]+)" dy="0.35em" class="(\w+)"', svg)}
    assert labels["warn"] - labels["retrain"] >= 11
    assert "warn 5<" in svg


@pytest.mark.parametrize(
    ("status", "shape"), [("pass", "circle"), ("warn", "polygon"), ("block", "rect"), ("info", "circle")]
)
def test_status_is_a_shape(status: str, shape: str) -> None:
    """Who sees no colours sees circles, triangles and squares; what was not judged is hollow."""
    svg = line_chart(HEADING, ["a"], [Series("s", (1.0,), (status,))], linear(0, 2))
    assert f"<{shape} " in svg
    assert f'class="mark {status}"' in svg


def test_far_values_stay_in_the_plot() -> None:
    """A value beyond the scale is drawn at its edge, not across the page."""
    svg = line_chart(HEADING, ["a", "b"], [Series("s", (-50.0, 99.0))], linear(0, 1))
    assert all(0 <= y <= 240 for _, y in lines(svg, "s1")[0])


def test_stacked_bars_stand_on_each_other() -> None:
    """Heights in proportion; the second begins where the first ends; nothing is drawn for 0."""
    svg = stacked_bars(HEADING, ["a", "b"], [Series("s", (2.0, 0.0)), Series("t", (3.0, 5.0))], linear(0, 5))
    (low,), (high, alone) = bars(svg, "s1"), bars(svg, "s2")
    assert low[1] + low[3] == pytest.approx(BOTTOM, abs=0.1)
    assert high[1] + high[3] == pytest.approx(low[1], abs=0.1)
    assert high[3] / low[3] == pytest.approx(1.5, abs=0.01)
    assert alone[3] == pytest.approx(BOTTOM - TOP, abs=0.1)


def test_one_among_thousands_is_still_seen() -> None:
    """A bar is at least one unit high, unless there is nothing."""
    svg = stacked_bars(HEADING, ["a", "b"], [Series("s", (1.0, 0.0))], linear(0, 10_000))
    ((_, _, _, height),) = bars(svg, "s1")
    assert height == 1


def test_grouped_bars_stand_beside_each_other() -> None:
    """The same label, no overlap."""
    svg = grouped_bars(HEADING, ["a"], [Series("s", (10_000.0,)), Series("t", (1.0,))], logarithmic(10_000))
    (one,), (other,) = bars(svg, "s1"), bars(svg, "s2")
    assert one[0] + one[2] <= other[0] + 0.11
    assert other[3] >= 1
    assert one[1] == pytest.approx(TOP, abs=0.1)


def test_ranks_are_logarithmic() -> None:
    """Rank 4 of 16 lies half way."""
    svg = rank_chart(HEADING, [Series("s", tuple(float(16 - i) for i in range(16)))], linear(0, 16))
    (line,) = lines(svg, "s1")
    assert line[3][0] == pytest.approx((line[0][0] + line[15][0]) / 2, abs=0.1)
    assert len(rank_chart(HEADING, [Series("s", (1.0,))], linear(0, 1))) > 0


@pytest.mark.parametrize("count", [1, 7, 90, 400])
def test_labels_do_not_overlap(count: int) -> None:
    """However many nights: labels keep their distance, and the newest has one."""
    labels = [f"{i:05}" for i in range(count)]
    svg = line_chart(HEADING, labels, [Series("s", (1.0,) * count)], linear(0, 1))
    drawn = [(float(x), text) for x, text in re.findall(r'<text x="([\d.]+)" y="224" text-anchor="middle">(\d+)<', svg)]
    assert drawn[-1][1] == labels[-1]
    assert all(b - a >= 42 for (a, _), (b, _) in pairwise(drawn))


def test_a_plot_says_what_it_is() -> None:
    """Title and description, escaped, for those who do not see it; a legend only where there is a choice."""
    svg = line_chart(HEADING, [], [], linear(0, 1))
    assert '<title id="k-title">Title &lt;b&gt;</title><desc id="k-desc">What is drawn</desc>' in svg
    assert 'role="img" aria-labelledby="k-title k-desc"' in svg
    assert legend(["one"]) is None
    assert "two" in (legend(["one", "two"]) or "")


@given(st.floats(-100, 100), st.one_of(st.just(0.0), st.floats(0.001, 1e6)))
def test_a_linear_scale_holds_its_ends(low: float, width: float) -> None:
    """Both ends lie in it, between ticks of one step; equal ends are no reason to divide by zero."""
    scale = linear(low, low + width)
    assert -1e-6 <= scale.place(low) <= scale.place(low + width) <= 1 + 1e-6
    assert scale.ticks[0] <= low + 1e-6
    assert 2 <= len(scale.ticks) <= 12
    _even([scale.place(tick) for tick in scale.ticks])


def _even(places: Sequence[float]) -> None:
    steps = [b - a for a, b in pairwise(places)]
    assert max(steps) == pytest.approx(min(steps), abs=0.02)


@given(st.lists(st.floats(0, 200), max_size=6))
def test_spread_labels_keep_order_and_distance(places: list[float]) -> None:
    """Labels move up only, never past each other."""
    moved = spread(places, 11)
    order = sorted(range(len(places)), key=places.__getitem__)
    assert all(moved[b] - moved[a] >= 11 - 1e-9 for a, b in pairwise(order))
    assert all(after >= before for before, after in zip(places, moved, strict=True))
