"""A page of the report as its reader's browser has it: tags that close, tables by caption, plots, text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "wbr"}
SAFE = {"html", "head", "meta", "title", "style", "body", "main", "nav", "header", "section", "footer", "div", "span"} | {
    "h1", "h2", "h3", "p", "a", "b", "ul", "ol", "li", "dl", "dt", "dd", "small", "code", "bdi", "wbr", "table", "caption",
    "thead", "tbody", "tr", "th", "td", "svg", "desc", "path", "rect", "circle", "polygon", "text", "g",
    "details", "summary",
}  # fmt: skip


@dataclass
class Page(HTMLParser):
    """What a parser finds; it raises AssertionError on a tag that was opened and not closed in order.

    Attributes:
        tags: (name, attributes) in order.
        tables: Rows of cell texts by caption, the head first.
        plots: Titles of the plots.
        text: All text outside the style.
    """

    source: str
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    plots: list[str] = field(default_factory=list)
    text: str = ""
    _open: list[str] = field(default_factory=list)
    _caption: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        self.tags.append((tag, given))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "svg" and given.get("class") == "plot":
            self.plots.append("")
        if tag == "caption":
            self._caption = ""
        if tag == "tr":
            self.tables.setdefault(self._caption, []).append([])
        if tag in ("td", "th"):
            self.tables[self._caption][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "style":
            return
        self.text += data
        if inside == "caption":
            self._caption += data
        elif inside == "title" and "svg" in self._open and self.plots and not self.plots[-1]:
            self.plots[-1] = data
        elif self._caption and ("td" in self._open or "th" in self._open):
            self.tables[self._caption][-1][-1] += data

    def check_self_contained(self) -> None:
        """Assert that nothing is loaded, nothing runs, and every id is unique and every reference has its target."""
        assert {name for name, _ in self.tags} <= SAFE
        for name, attributes in self.tags:
            assert not {"src", "srcset", "style", "data", "action", "xlink:href"} & attributes.keys(), (
                name,
                attributes,
            )
            assert not [key for key in attributes if key.startswith("on")]
            target = attributes.get("href", "index.html")
            own = target == "index.html" or target.removeprefix("release-").removesuffix(".html").isdigit()
            assert own or (target.startswith("../") and "/_data_docs/html/" in target), target
        style = self.source.partition("<style>")[2].partition("</style>")[0]
        assert not [word for word in ("url(", "@import", "http", "expression") if word in style]
        ids = [attributes["id"] for _, attributes in self.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        named = " ".join(attributes.get("aria-labelledby", "") for _, attributes in self.tags).split()
        assert set(named) == set(ids)


def number(text: str) -> float:
    """Return the number that a cell shows."""
    return float(text.replace(",", "").removesuffix(" %"))
