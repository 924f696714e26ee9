"""The pages: whole, self-contained, every plot with its numbers, hostile text as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from semid.report.facts import Night, Unfinished
from semid.report.pages import index_page, release_page
from tests.page import Page, number
from tests.report_facts import BLOCKED, LOST, SHIFTED, SURVIVORS, WARNED, blocked, facts, night, warned

FIRST = night(1, kind="bootstrap", survivors=None)
HISTORIES = {
    "first": (FIRST,),
    "second": (FIRST, night(2)),
    "warned": (FIRST, night(2), warned(3, WARNED, SHIFTED), warned(4), warned(5)),
    "blocked": (FIRST, night(2), blocked(3, BLOCKED, LOST)),
    "blocked first": (blocked(1, BLOCKED),),
    "rolled back": (FIRST, night(2), night(3, kind="rollback", checks=())),
    "unchecked": (night(1, checks=(), survivors=None),),
}


def pages(*history: Night, title: str | None = "green tea") -> tuple[Page, Page]:
    shown = facts(*history, title=title)
    return Page(release_page(shown, 1.3, {1, 2})), Page(index_page(shown, 1.3, {1, 2}))


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_pages_are_whole_and_load_nothing(history: tuple[Night, ...]) -> None:
    """Every tag closes, ids are unique, nothing is fetched or run, every plot has a table beside it."""
    for page in pages(*history):
        page.check_self_contained()
        assert set(page.plots) <= set(page.tables)
        assert all(len({len(row) for row in rows}) == 1 for rows in page.tables.values())


def test_data_docs_are_linked_where_there_are_some() -> None:
    """Each suite by its name, and the note that their style comes from the network; without any, not a word."""
    links = {"facts": "../_data_docs/html/a.html", "rows": "../_data_docs/html/b.html"}
    page = Page(release_page(replace(facts(FIRST), data_docs=links), 1.3, {1}))
    page.check_self_contained()
    assert [a["href"] for name, a in page.tags if name == "a" and "_data_docs" in a["href"]] == list(links.values())
    assert "which take their style from the network: facts, rows." in page.text
    assert "Great Expectations" not in pages(FIRST)[0].text


def test_a_hostile_title_is_text() -> None:
    """Tags, quotes, entities, control characters and turned reading direction are printed, not obeyed."""
    title = """</td></table><script>alert('x')</script><img src=x onerror="y">&amp;\x00\u202e"""
    page, index = pages(FIRST, night(2), title=title)
    page.check_self_contained()
    assert title.replace("\x00", "\\x00").replace("\u202e", "\\u202e") in page.text
    assert "alert" not in index.source
    for text in ("run_id", "kind", "verdict"):
        hostile = replace(night(2), **{text: "<script>"})
        for made in pages(FIRST, hostile):
            made.check_self_contained()
    Page(
        index_page(facts(FIRST), 1.3, set(), Unfinished("r", "j", FIRST.run_date, "failed", title))
    ).check_self_contained()


def test_a_long_title_is_cut() -> None:
    """A description that came as a title does not fill the page."""
    page, _ = pages(FIRST, night(2), title="long " * 1000)
    assert [row[1] for rows in page.tables.values() for row in rows if "p'1" in row] == [("long " * 32)[:159] + "…"]


def test_the_verdict_is_the_first_thing() -> None:
    """Verdict, reason with value and limit, next step, in this order, before any plot."""
    page, index = pages(FIRST, night(2), blocked(3, BLOCKED))
    for made in (page, index):
        places = [
            made.text.index(words)
            for words in (
                "Blocked: nothing was published",
                "Readers still see release 2",
                "arrivals: quantization_error_ratio = 2.5",
                "blocks at 2",
                "look at the arrivals: another kind",
            )
        ]
        assert places == sorted(places)
        assert places[-1] < made.text.index(made.plots[0])


def test_churn_is_split_by_edited_or_not() -> None:
    """Each depth has both counts and their shares; the examples say why."""
    page, _ = pages(FIRST, night(2))
    head, *rows = page.tables["Churn by depth"]
    assert head == ["moved at", "edited", "of all edited", "unchanged", "of all unchanged"]
    assert [(row[0], number(row[1]), number(row[3])) for row in rows] == [
        (name, *both)
        for name, both in zip(
            ("depth 1", "depth 2", "depth 3", "whole ID"),
            zip(SURVIVORS.moved_edited, SURVIVORS.moved_unchanged, strict=True),
            strict=True,
        )
    ]
    assert number(rows[1][2]) == pytest.approx(100 * 14 / 60, rel=0.01)
    (example,) = page.tables["1 of 28 moved items, those that moved furthest first"][1:]
    assert example == ["p'1", "green tea", "1-2-3", "1-4-5#1", "1", "its text was edited"]


def test_the_first_release_has_nothing_to_compare() -> None:
    """It says so, instead of showing zeros as if something had been measured."""
    page, index = pages(FIRST)
    assert "there was no ID before it" in page.text
    assert "Churn by depth" not in page.tables
    assert "No release has one before it" in index.text


def test_code_use_and_buckets() -> None:
    """Used codes, perplexity, ranks, and buckets by size, of items and of distinct contents."""
    page, _ = pages(FIRST)
    rows = {row[0]: row[1:] for row in page.tables["Level 1: use of its 3 codes"][1:]}
    assert rows["codes in use"] == ["2", "2"]
    assert number(rows["perplexity"][0]) == pytest.approx((7 / 5) ** (5 / 7) * (7 / 2) ** (2 / 7), rel=1e-3)
    assert (rows["rank 1"], rows["rank 2"], rows["rank 3"]) == (["5", "3"], ["2", "2"], ["0", "0"])
    assert page.tables["Collisions: buckets by size"][1:] == [["1", "2", "3"], ["2", "1", "1"], ["3", "1", "0"]]
    assert "7 items: collision rate 0.4286. 5 distinct contents: collision rate 0.2000." in page.text


def test_three_warnings_are_seen_at_once() -> None:
    """The proposal stands above the reasons on both pages, and every night has its sign."""
    for made in pages(*HISTORIES["warned"]):
        assert made.text.index("Retraining is proposed") < made.text.index("Why")
        assert "3 releases in a row did not pass all checks (psi, quantization_error_ratio)" in made.text
    _, index = pages(*HISTORIES["warned"])
    signs = [a["aria-label"] for name, a in index.tags if name == "svg" and "release" in a.get("aria-label", "")]
    assert signs[-1] == "release 5 of 2026-01-05: published, verdict warn"
    assert len(signs) == 5


def test_the_index_shows_every_night() -> None:
    """Values, limits and counts, newest first; a release without a page is not linked."""
    _, index = pages(*HISTORIES["warned"])
    ratios = index.tables["Quantization error of the arrivals"][1:]
    assert [row[0] for row in ratios] == [f"{n} of 2026-01-0{n}" for n in (5, 4, 3, 2, 1)]
    assert [number(row[1]) for row in ratios] == [1.25, 1.25, 1.25, 1.05, 1.05]
    assert index.tables["PSI of the arrivals, highest level"][3] == [
        "3 of 2026-01-03",
        "0.125",
        "0.1",
        "0.25",
        "warn, level 2",
    ]
    assert "retrain 1.3" in index.text
    churn = index.tables["Churn by depth, per cent"]
    assert churn[0] == ["release", "first code", "first 2 codes", "first 3 codes", "whole ID", "survivors"]
    assert [number(cell) for cell in churn[1][1:]] == pytest.approx([0.01, 0.141, 0.261, 0.281, 9960], rel=0.01)
    links = [a["href"] for name, a in index.tags if name == "a"]
    assert sorted(set(links)) == ["release-1.html", "release-2.html"]


def test_the_worst_level_is_shown() -> None:
    """Of the levels' PSI of the arrivals the one that warns, else the highest; what was not judged counts least."""
    levels = [replace(SHIFTED, level=level, value=value, status=status) for level, value, status in (
        (1, 0.5, "info"), (2, 0.02, "pass"), (3, 0.05, "pass"))]  # fmt: skip
    levels.append(replace(SHIFTED, cohort="table", value=0.9, status="warn"))
    levels.append(replace(SHIFTED, cohort="arrivals@v2", value=0.9, status="warn"))
    levels.append(replace(SHIFTED, cohort="arrivals@v1", level=4, value=0.01, status="pass"))
    for checks, shown in ((levels, "0.05"), ([*levels, SHIFTED], "0.125"), (levels[:1], "0.5")):
        _, index = pages(FIRST, warned(2, *checks))
        assert index.tables["PSI of the arrivals, highest level"][1][1] == shown


def test_a_run_without_a_release_is_not_hidden() -> None:
    """A feed that was refused makes no release: the page does not call last night healthy without saying so."""
    run = Unfinished("nightly-3", "nightly", night(3).run_date, "failed", "the feed has no rows")
    page = Page(index_page(facts(FIRST), 1.3, {1}, run))
    assert page.text.index(
        "The newest run failed: nightly-3, nightly of 2026-01-03.the feed has no rows"
    ) < page.text.index("Healthy")


def test_codebooks_with_other_numbers_of_levels() -> None:
    """The history shows the churn of a four-level codebook beside that of a three-level one."""
    deep = night(
        3, survivors=replace(SURVIVORS, moved_edited=(1, 2, 3, 4, 5), moved_unchanged=(0,) * 5), codebook_version=2
    )
    _, index = pages(FIRST, night(2), deep)
    newest, older = index.tables["Churn by depth, per cent"][1:3]
    assert [bool(cell) for cell in older] == [True, True, True, True, False, True, True]
    assert number(newest[5]) == pytest.approx(100 * 5 / 9960, rel=0.01)
