"""HTML and inline SVG from small functions; text is escaped unless it was made here.

Item titles are hostile: a feed may bring `<script>`, quotes, control characters, or characters that turn the
reading direction of the rest of the line.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable, Sequence

_VOID = {"meta", "wbr"}
_TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


class Html(str):
    """Text that is HTML already; every other text is escaped when it is put into a tag."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """Return an element; children are texts, elements, lists of them, or None for nothing.

    An attribute whose value is None is left out; `class_` stands for class, and `_` for `-` in the others.

    >>> tag("b", "a < b", class_="x")
    '<b class="x">a &lt; b</b>'
    """
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    opening = "".join(f' {key}="{escaped(str(value))}"' for key, value in given.items())
    inside = "".join(_flat(children))
    return Html(f"<{name}{opening}>" if name in _VOID else f"<{name}{opening}>{inside}</{name}>")


def escaped(text: str) -> Html:
    r"""Return `text` as HTML shows it literally, in elements and in quoted attributes.

    Control characters, halves of surrogate pairs and marks of reading direction are printed as escapes.

    >>> escaped("a\x00<b>")
    'a\\x00&lt;b&gt;'
    """
    return Html(html.escape("".join(c if _harmless(c) else c.encode("unicode_escape").decode() for c in text)))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str) -> Html:
    """Return a table in a box that scrolls; numbers stand right, the caption is for screen readers."""
    body = [tag("tr", [_cell(value) for value in row]) for row in rows]
    head = tag("tr", [tag("th", name, scope="col") for name in columns])
    parts = [tag("caption", caption), tag("thead", head), tag("tbody", body)]
    wide = "wide" if len(columns) > 5 else None
    return tag(
        "div", tag("table", parts, class_=wide), class_="scroll", tabindex="0", role="region", aria_label=caption
    )


def number(value: object) -> str:
    """Return a value for people: thousands apart, four significant digits, nothing for None.

    >>> number(12101), number(0.82560), number(None), number(2.0), number(123456.5)
    ('12,101', '0.8256', '', '2', '123,456')
    """
    if value is None or isinstance(value, str | bool):
        return "" if value is None else str(value)
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"
    return f"{int(value):,}" if isinstance(value, int | float) else str(value)


def share(part: float, whole: float) -> str:
    """Return a percentage; a share that is not zero never prints as 0 %.

    >>> share(1, 4), share(0, 4), share(1, 100000), share(0, 0)
    ('25 %', '0 %', '< 0.01 %', '')
    """
    if not whole:
        return ""
    percent = 100 * part / whole
    return f"{percent:.3g} %" if percent == 0 or percent >= 0.01 else "< 0.01 %"


def _cell(value: object) -> Html:
    if isinstance(value, Html):
        return tag("td", value)
    numeric = (isinstance(value, int | float) and not isinstance(value, bool)) or (
        isinstance(value, str) and value.endswith(" %")
    )
    return tag("td", number(value), class_="number" if numeric else None)


def _flat(children: Iterable[object]) -> Iterable[str]:
    for child in children:
        if isinstance(child, Html):
            yield child
        elif isinstance(child, str):
            yield escaped(child)
        elif isinstance(child, list | tuple):
            yield from _flat(child)
        elif child is not None:
            raise TypeError(f"{type(child).__name__} is neither text nor HTML")


def _harmless(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cs") and character not in _TURNING
