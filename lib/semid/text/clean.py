"""Normalising the text of a feed: what is left is what a reader would see, in one fixed form."""

from __future__ import annotations

import html
import re
import unicodedata

# Entities nest when a feed was escaped more than once; two rounds cover what was seen, four is the end of
# patience: what still unfolds then is noise made to cost time, and loses its ampersands.
ROUNDS = 4
MAX_COMBINING = 16

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
_MARK = (
    r"[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u065f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
    r"\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u302a-\u302f\u3099\u309a\ufe20-\ufe2f]"
)
_FLOOD = re.compile(f"({_MARK}{{{MAX_COMBINING}}}){_MARK}+")
_INVISIBLE_SET = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0"
)
_INVISIBLE = re.compile(f"[{_INVISIBLE_SET}]")
_NOTHING_VISIBLE = re.compile(f"[{_INVISIBLE_SET}\\s]*")


def clean(text: str) -> str:
    r"""Return `text` without entities, control characters and superfluous blanks, in Unicode NFC.

    Cleaning a cleaned text changes nothing. Line breaks and tabs become blanks, runs of blanks one blank;
    ANSI sequences and other control characters go; at most 16 combining marks stay in a row.

    >>> clean(" R&amp;amp;B \r\n  cafe\u0301 \x1b[31mred\x1b[0m ")
    'R&B café red'
    """
    for _ in range(ROUNDS):
        cleaned = _clean_once(text)
        if cleaned == text:
            return text
        text = cleaned
    return _clean_once(_clean_once(text.replace("&", "")))


def is_plain(text: str) -> bool:
    """Return whether `text` is not empty and sure to be clean already, by the cheapest test that can tell."""
    return (
        text.isascii()
        and text.isprintable()
        and "&" not in text
        and "  " not in text
        and text[:1] not in ("", " ")
        and text[-1] != " "
    )


def clean_url(text: str) -> str:
    """Return a URL without control characters and blanks around it; entities in it are left alone."""
    return text if text.isascii() and text.isprintable() and " " not in text else _CONTROL.sub("", text).strip()


def is_blank(text: str) -> bool:
    r"""Return whether a reader would see nothing: blanks and zero-width characters only.

    >>> is_blank("\u200b \ufeff"), is_blank("a")
    (True, False)
    """
    return _NOTHING_VISIBLE.fullmatch(text) is not None


def cut(text: str, max_bytes: int) -> str:
    """Return the longest beginning of `text` that has at most `max_bytes` bytes in UTF-8.

    >>> cut("aé", 2)
    'a'
    """
    if len(text) * 4 <= max_bytes:
        return text
    encoded = text.encode()
    return text if len(encoded) <= max_bytes else encoded[:max_bytes].decode(errors="ignore")


def fold_id(item_id: str) -> str:
    r"""Return the form in which two ids that look the same are equal: NFC, without invisible characters.

    >>> fold_id("cafe\u0301\u200b") == "caf\u00e9"
    True
    """
    return item_id if item_id.isascii() else unicodedata.normalize("NFC", _INVISIBLE.sub("", item_id))


def _clean_once(text: str) -> str:
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    text = _CONTROL.sub("", text)
    if "&" in text:
        text = _CONTROL.sub("", html.unescape(text))
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
        text = _FLOOD.sub(r"\1", text)
    return " ".join(text.split())
