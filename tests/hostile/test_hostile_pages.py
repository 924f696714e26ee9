"""No text from outside becomes an element or an attribute of a page: by a parser, and in a browser where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.hostile_pages import HOSTILE, MARK, pages
from tests.page import Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Skeleton(HTMLParser):
    """Elements and their attributes in order, without texts; `wbr` and drawn places depend on a text's length."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.parts: list[tuple[str, tuple[tuple[str, str], ...]]] = []
        self.others: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # Values that are texts for people are compared by the parser's own reading of them: none holds a tag here.
        values = tuple(
            (key, "" if key.startswith("aria") or key in ("x", "y", "d") else value or "") for key, value in attrs
        )
        if tag != "wbr":
            self.parts.append((tag, values))

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def unknown_decl(self, data: str) -> None:
        self.others.append(data)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)


@cache
def _harmless() -> dict[str, Skeleton]:
    return {name: Skeleton(source) for name, source in pages(lambda name: f"plain {name}").items()}


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_a_text_changes_nothing_but_text(hostile: str) -> None:
    """Each page has the elements and attributes that it has with harmless texts, and nothing more."""
    for name, source in pages(lambda _: hostile).items():
        found, expected = Skeleton(source), _harmless()[name]
        assert found.parts == expected.parts, name
        assert found.others == [], name
        Page(source).check_self_contained()


def test_every_place_of_a_page_was_filled() -> None:
    """Each text that the pages were asked to show is on one of them: no place is left out of the test above."""
    asked: set[str] = set()

    def text(name: str) -> str:
        asked.add(name)
        return f"({name.replace(' ', '')})"

    together = "".join(Page(source).text for source in pages(text).values())
    together += "".join(
        value for source in pages(text).values() for _, values in Page(source).tags for value in values.values()
    )
    assert {name for name in asked if f"({name.replace(' ', '')})" not in together} == set()


if CHROMIUM:  # Without a browser this test is not there at all: `make test` names no skipped test that never runs.

    def test_no_script_runs_in_a_browser(tmp_path: Path) -> None:
        """A browser shows all pages of all texts and runs nothing, also without the policy that forbids scripts."""
        planted = "<!doctype html><html><head></head><body>" + HOSTILE[0]
        assert MARK in _root(tmp_path, planted), "a script that is one runs: else this test sees nothing"
        assert MARK not in _root(tmp_path, _all_in_one())

    def _all_in_one() -> str:
        """Return the bodies of all pages with all texts, under one head without its Content-Security-Policy."""
        made = [page for text in HOSTILE for page in pages(lambda _, text=text: text).values()]  # type: ignore[misc]
        head, _, _ = made[0].partition("<main>")
        bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", head)
        assert bare != head
        return bare + "".join(page.partition("<main>")[2].partition("</main>")[0] for page in made)

    def _root(folder: Path, page: str) -> str:
        """Return the opening html tag after the page has loaded."""
        file = folder / "page.html"
        file.write_text(page, encoding="utf-8")
        profile = f"--user-data-dir={folder / 'profile'}"
        command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", profile, "--virtual-time-budget=2000"]
        done = subprocess.run(
            [*command, "--dump-dom", file.as_uri()], capture_output=True, text=True, check=True, timeout=120
        )
        assert done.stdout.count("<h2") == page.count("<h2")
        return done.stdout.partition("<head>")[0]
