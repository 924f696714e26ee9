"""Text becomes HTML that shows it literally, whatever it holds."""

from __future__ import annotations

import doctest
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.report import html, scale
from semid.report.html import escaped, number, share, table, tag


class Parts(HTMLParser):
    """Tags, attribute values and text of a fragment."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.values: list[str | None] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.values += [value for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(st.sampled_from("<>&\"'/=` a!-[]{}\x00\x1b\n\u202e\u2066é日"), max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_text_stays_text(text: str) -> None:
    """In an element and in an attribute: the parser finds our tags only, and gives back the text, controls escaped."""
    parts = Parts(tag("p", text, title=text))
    shown = "".join(c if c not in "\x00\x1b\n\u202e\u2066" else c.encode("unicode_escape").decode() for c in text)
    assert parts.tags == ["p"]
    assert parts.text == shown
    assert parts.values == [shown]


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "<img src=x onerror=y>", "</style><b>", "&lt;", "]]>"])
def test_markup_in_a_text_is_no_markup(text: str) -> None:
    """Titles that bring tags or entities are printed, in cells and lists too."""
    for made in (tag("div", [text, [text]]), table([text], [[text]], text)):
        parts = Parts(made)
        assert not {"script", "img", "b"} & set(parts.tags)
        assert parts.text.count(text) >= 2


def test_half_a_surrogate_pair_can_be_written() -> None:
    """A page is always UTF-8."""
    assert escaped("a\ud800b").encode() == b"a\\ud800b"


def test_attributes() -> None:
    """None is left out, class_ is class, an underscore is a hyphen, a quote cannot end the value."""
    made = tag("i", class_="a", aria_label='"x"', role=None)
    assert made == '<i class="a" aria-label="&quot;x&quot;"></i>'


def test_only_text_and_html_go_into_a_tag() -> None:
    """A number or an object is a mistake in the code, not something to print."""
    with pytest.raises(TypeError, match="int"):
        tag("p", 3)


def test_numbers_stand_right() -> None:
    """A cell with a number or a percentage has the class; a text, an ID and an empty one have not."""
    made = table(["a"], [[1200, "3 %", "12-3", None]], "t")
    assert '<td class="number">1,200</td><td class="number">3 %</td><td>12-3</td><td></td>' in made


@given(st.floats(-1e9, 1e9))
def test_a_printed_number_is_close(value: float) -> None:
    """Four digits at least: a thousandth."""
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=1e-3, abs=1e-30)


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_share_is_zero_only_for_nothing(part: int, whole: int) -> None:
    """One of a billion is not 0 %."""
    assert share(part, whole) != "0 %"
    assert share(0, whole) == "0 %"


@pytest.mark.parametrize("module", [html, scale])
def test_the_examples_in_the_docstrings(module: object) -> None:
    """They say what is returned."""
    result = doctest.testmod(module)
    assert (result.failed, result.attempted > 0) == (0, True)
