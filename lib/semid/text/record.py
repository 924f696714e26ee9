"""The rules for one row of a feed: what is put right, what sends the row to quarantine, and why.

Values arrive as the feed has them: text, a number of JSON, a list, an object, or nothing. A row keeps
every reason that it was found to have; a row without one becomes an item.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from semid.text.clean import clean, clean_url, cut, fold_id, is_blank, is_plain
from semid.text.render import Template, content_hash
from semid.text.vectors import NO_VECTOR, check_vector

MAX_ID_BYTES = 256
_BAD_IN_ID = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# The number begins with no blank: where three parts could take the same blanks, 800 of them took 6 s.
_NUMBER = r"[+-][\d.,' \u00a0]*\d|[\d.,'][\d.,' \u00a0]*\d|\d"
_PRICE = re.compile(rf"[^\W\d_]{{0,3}}[^\w\s.,+-]?\s*({_NUMBER})\s*[^\w\s.,+-]?[^\W\d_]{{0,3}}")
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+")


class Decimal(str):
    """A number of JSON that is not an integer, as written: `1e3` would not come back from a float."""

    __slots__ = ()


class NotANumber:
    """What `NaN` and `Infinity` of a JSON line become."""


NOT_A_NUMBER: Final = NotANumber()


class Checked(NamedTuple):
    """A row after the rules; with reasons, only `item_id` and the counts are filled in.

    Attributes:
        item_id: The id exactly as given, if it is text.
        reasons: Why the row goes to quarantine; empty for an item.
        attributes: Name and value pairs; None without any.
        text: The text as embedded.
        id_key: The folded id where it differs from the id, else None.
        updated: `updated_at` as seconds since 1970, or None when absent or not readable.
        truncated: Whether the text was cut to `text.max_bytes`.
        bad_price: Whether there was a price that could not be read.
        embedding: The supplied vector, L2-normalised, (d,) float32; None when the feed brings none.
    """

    item_id: str | None
    reasons: list[str]
    title: str | None = None
    brand: str | None = None
    category: list[str] | None = None
    description: str | None = None
    price: float | None = None
    image_url: str | None = None
    attributes: list[tuple[str, str]] | None = None
    text: str | None = None
    content_hash: str | None = None
    id_key: str | None = None
    updated: float | None = None
    truncated: bool = False
    bad_price: bool = False
    embedding: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Rules:
    """What the configuration says about rows.

    Attributes:
        template: How the text is rendered.
        attributes: Further columns that are kept, by their names in the feed.
        category_separator: Splits a category path that is one text.
        max_bytes: A longer text is cut.
        reject_bytes: A longer field sends the row to quarantine.
        supplied: Whether the feed brings the vectors.
    """

    template: Template
    attributes: tuple[str, ...]
    category_separator: str
    max_bytes: int
    reject_bytes: int
    supplied: bool = False

    def check(self, row: Mapping[str, Any]) -> Checked:
        """Return the row as an item, or with every reason why it is none."""
        item_id = row.get("item_id")
        reasons = id_reasons(item_id)
        title = self._text(row.get("title"), reasons)
        brand = self._text(row.get("brand"), reasons)
        category = self._category(row.get("category"), reasons)
        description = self._text(row.get("description"), reasons)
        attributes = [(a, v) for a in self.attributes if (v := self._text(row.get(f"attributes[{a}]"), reasons))]
        url = row.get("image_url")
        url = clean_url(self._scalar(url, reasons) or "") or None if url is not None else None
        price, bad_price = self._price(row.get("price"), reasons)
        text = self._rendered(title, brand, category, description, attributes)
        if not text and not reasons:
            reasons.append("no_text")
        vector = check_vector(row.get("embedding")) if self.supplied else NO_VECTOR
        if vector.reason:
            reasons.append(vector.reason)
        if reasons:
            return rejected(item_id, reasons)
        shown = cut(text, self.max_bytes)
        key = None if str(item_id).isascii() else fold_id(str(item_id))
        digest = content_hash(shown, b"" if vector.unit is None else vector.unit.tobytes())
        updated = seconds(row.get("updated_at"))
        cut_off = len(shown) < len(text)
        return Checked(
            item_id, reasons, title, brand, category, description, price, url, attributes or None,
            shown, digest, key, updated, cut_off, bad_price, vector.unit,
        )  # fmt: skip

    def _rendered(
        self,
        title: str | None,
        brand: str | None,
        category: list[str] | None,
        description: str | None,
        attributes: list[tuple[str, str]],
    ) -> str:
        path = " ".join(category) if category else None
        fields = {"title": title, "brand": brand, "category": path, "description": description}
        for name, value in attributes:
            fields[f"attributes[{name}]"] = value
        return self.template.render(fields)

    def _text(self, value: Any, reasons: list[str]) -> str | None:
        if type(value) is str and len(value) * 4 <= self.reject_bytes and is_plain(value):
            return value  # most fields of real catalogs end here, at 0.3 µs instead of 3
        scalar = self._scalar(value, reasons)
        if not scalar:
            return None
        cleaned = clean(scalar)
        return None if is_blank(cleaned) else cleaned

    def _scalar(self, value: Any, reasons: list[str]) -> str | None:
        if value is None:
            return None
        if isinstance(value, str):
            if len(value) * 4 > self.reject_bytes and len(value.encode(errors="replace")) > self.reject_bytes:
                reasons.append("text_too_large")
                return None
            return value
        if isinstance(value, NotANumber):
            reasons.append("not_a_number")
            return None
        if isinstance(value, list | dict):
            reasons.append("wrong_type")
            return None
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _category(self, value: Any, reasons: list[str]) -> list[str] | None:
        if value is None:
            return None
        if isinstance(value, list):
            # Each name may be short and the path as long as the line: it is judged whole, like one text.
            if sum(len(name) for name in value if isinstance(name, str)) > self.reject_bytes:
                reasons.append("text_too_large")
                return None
            names = [self._text(name, reasons) for name in value]
        else:
            joined = self._scalar(value, reasons) or ""
            names = [self._text(name, reasons) for name in joined.split(self.category_separator)]
        return [name for name in names if name] or None

    def _price(self, value: Any, reasons: list[str]) -> tuple[float | None, bool]:
        if value is None or value == "":
            return None, False
        if isinstance(value, float):
            return (value, False) if abs(value) < float("inf") else (None, True)
        text = self._scalar(value, reasons)
        if text is None or not text.strip():
            return None, False
        price = number(text)
        return price, price is None


def rejected(item_id: Any, reasons: list[str]) -> Checked:
    """Return a row that goes to quarantine."""
    return Checked(_printable(item_id), sorted(set(reasons)))


def id_reasons(item_id: Any) -> list[str]:
    """Return why `item_id` cannot be a key; ids are never altered, so that "A " does not become "A"."""
    if isinstance(item_id, str) and not isinstance(item_id, Decimal):
        if item_id.isascii() and item_id.isprintable() and item_id[:1] not in ("", " ") and item_id[-1] != " ":
            return [] if len(item_id) <= MAX_ID_BYTES else ["id_illegal_char"]
        return _unusual_id_reasons(item_id)
    if item_id is None:
        return ["id_missing"]
    return ["wrong_type"] if isinstance(item_id, list | dict) else ["id_not_string"]


def number(text: str) -> float | None:
    """Return the price in `text`, with or without a currency and thousands separators, or None.

    >>> number("$1,299.00"), number("12,50 EUR"), number("0"), number("on request")
    (1299.0, 12.5, 0.0, None)
    """
    match = _PRICE.fullmatch(text.strip())
    if match is None:
        return None
    digits = re.sub(r"[' \u00a0]", "", match[1])
    if "," in digits and "." in digits:
        decimal = max(",", ".", key=digits.rfind)
        digits = digits.replace("." if decimal == "," else ",", "").replace(decimal, ".")
    elif _GROUPED.fullmatch(digits):
        digits = digits.replace(",", "")
    else:
        digits = digits.replace(",", ".")
    return _finite(digits)


def seconds(value: Any) -> float | None:
    """Return a date, time or number as seconds since 1970 (UTC when it names no zone), or None.

    >>> seconds("1970-01-02"), seconds("soon")
    (86400.0, None)
    """
    if value is None or isinstance(value, bool | list | dict | NotANumber):
        return None
    text = str(value).strip()
    plain = _finite(text)
    if plain is not None:
        return plain
    try:
        moment = datetime.datetime.fromisoformat(text)
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
        return zoned.timestamp()
    except (ValueError, OverflowError):
        return None


def _unusual_id_reasons(item_id: str) -> list[str]:
    if is_blank(item_id):
        return ["id_missing"]
    reasons = ["id_whitespace"] if item_id != item_id.strip() else []
    if _BAD_IN_ID.search(item_id) or len(item_id.encode(errors="replace")) > MAX_ID_BYTES:
        reasons.append("id_illegal_char")
    return reasons


def _printable(item_id: Any) -> str | None:
    # A lone surrogate cannot be stored; its escape can.
    if not isinstance(item_id, str):
        return None if item_id is None or isinstance(item_id, list | dict | NotANumber) else str(item_id)[:1024]
    return item_id[:1024].encode(errors="backslashreplace").decode()


def _finite(text: str) -> float | None:
    if "_" in text:  # Python reads 1_000, a feed never means it
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None
