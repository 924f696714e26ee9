"""Cleaning of feed text: known answers, and properties that hold for any text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.text.clean import MAX_COMBINING, clean, clean_url, cut, fold_id, is_blank, is_plain

ENTITIES = ("&amp;", "&", "amp;", "#38;", "&lt;b&gt;", "&#10;", "&#x1b;")
CONTROLS = ("\x1b[31m", "\x1b", "[0m", "\x00", "\r\n", "\t", " ", "\u00a0", "\u200b", "\ufeff", "\ud800")
LETTERS = ("e", "\u0301", "\u0323", "\u1100", "\u1161", "é", "日本", "😀")
PIECES = st.sampled_from((*ENTITIES, *CONTROLS, *LETTERS))
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Plain title", "Plain title"),
        ("Black &amp; Decker", "Black & Decker"),
        ("R&amp;amp;B", "R&B"),
        ("5 &lt; 6 &eacute;", "5 < 6 é"),
        ("one\r\ntwo\tthree", "one two three"),
        ("  outer   inner  ", "outer inner"),
        ("nbsp\u00a0here", "nbsp here"),
        ("cafe\u0301", "caf\u00e9"),
        ("\x1b[1;31mred\x1b[0m alert\x07", "red alert"),
        ("nul\x00inside", "nulinside"),
        ("&#27;[31m", "[31m"),
        ("<script>alert(1)</script> =cmd()", "<script>alert(1)</script> =cmd()"),
        ("日本 😀 \u05e9\u05dc\u05d5\u05dd", "日本 😀 \u05e9\u05dc\u05d5\u05dd"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("", ""),
    ],
)
def test_clean_known_answers(raw: str, expected: str) -> None:
    """Entities, controls, ANSI sequences, blanks and NFC are put right; everything else is data."""
    assert clean(raw) == expected


def test_clean_caps_combining_marks() -> None:
    """A flood of combining marks is cut to 16, so that one letter cannot be made of 10,000."""
    cleaned = clean("Z" + "\u0335" * 10_000 + "x")
    assert cleaned == "Z" + "\u0335" * MAX_COMBINING + "x"


def test_clean_ends_on_nested_entities() -> None:
    """Entities nested a thousand times deep end quickly, and in a text that cleaning leaves alone."""
    cleaned = clean("&" + "amp;" * 1000 + "lt;")
    assert "&" not in cleaned
    assert clean(cleaned) == cleaned


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_clean_is_idempotent(text: str) -> None:
    """Cleaning twice is cleaning once, for any text: content hashes do not move by re-reading our own text."""
    once = clean(text)
    assert clean(once) == once


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_clean_leaves_nothing_to_clean(text: str) -> None:
    """The result is NFC and has no control character, outer blank or run of blanks."""
    cleaned = clean(text)
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not any(unicodedata.category(c) == "Cc" for c in cleaned)
    assert cleaned == " ".join(cleaned.split())


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_plain_texts_are_clean(text: str) -> None:
    """The cheap test never lets a text pass that cleaning would change."""
    if is_plain(text):
        assert clean(text) == text
        assert not is_blank(text)


@settings(deadline=None, max_examples=60)
@given(st.text(), st.integers(min_value=0, max_value=60))
def test_cut_keeps_whole_characters(text: str, size: int) -> None:
    """The cut text is a beginning of the text, fits, and one character more would not."""
    shown = cut(text, size)
    assert text.startswith(shown)
    assert len(shown.encode()) <= size
    assert shown == text or len(text[: len(shown) + 1].encode()) > size


@pytest.mark.parametrize("text", ["", " ", "\u200b\u200d", "\ufeff", "\u00ad \u2060", "\u3164", "\t\u00a0"])
def test_is_blank(text: str) -> None:
    """Blanks and zero-width characters show nothing."""
    assert is_blank(text)


def test_fold_id_joins_lookalikes() -> None:
    """Ids that differ only by composition or zero-width characters fold to one; case is kept."""
    assert fold_id("cafe\u0301") == fold_id("caf\u00e9") == fold_id("caf\u200b\u00e9")
    assert fold_id("A1") != fold_id("a1")


def test_clean_url_keeps_entities() -> None:
    """A URL is not text: `&amp;` may be meant, only controls and outer blanks go."""
    assert clean_url(" http://x/?a=1&amp;b=2\n") == "http://x/?a=1&amp;b=2"
