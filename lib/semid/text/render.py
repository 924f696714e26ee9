"""From an item's fields to the one text that is embedded, and the hash that tells when it changed."""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from semid.errors import ConfigError

TEXT_FIELDS = ("title", "brand", "category", "description")
_ATTRIBUTE = re.compile(r"attributes\[(.+)\]")


@dataclass(frozen=True)
class Part:
    """One part of the text: `pattern` with a `%s` for every one of `fields`."""

    fields: tuple[str, ...]
    pattern: str

    def shown(self, fields: Mapping[str, str | None]) -> str | None:
        """Return the part with its values in it; nothing when one of them is empty."""
        if self.pattern == "%s":
            return fields.get(self.fields[0])
        values = tuple([fields.get(field) for field in self.fields])
        return self.pattern % values if all(values) else None


@dataclass(frozen=True)
class Template:
    """How the text is put together: `text.parts` joined by `text.separator`."""

    parts: tuple[Part, ...]
    separator: str

    @property
    def fields(self) -> frozenset[str]:
        """The fields that the text is made of: text columns and `attributes[x]`."""
        return frozenset(field for part in self.parts for field in part.fields)

    def render(self, fields: Mapping[str, str | None]) -> str:
        """Return the text of an item; a part with an empty field is left out.

        Args:
            fields: Cleaned value of each field; the category as a path joined by blanks.
        """
        shown = [part.shown(fields) for part in self.parts]
        return self.separator.join([text for text in shown if text])


def template(parts: Sequence[str], separator: str, attributes: Iterable[str] = ()) -> Template:
    """Return the template of the configured parts.

    >>> template(["{title}", "by {brand}"], ". ").render({"title": "Soap", "brand": "Lush"})
    'Soap. by Lush'

    Raises:
        ConfigError: Lists every part that is not readable, has no field, or names an unknown field.
    """
    known = {*TEXT_FIELDS, *(f"attributes[{name}]" for name in attributes)}
    parsed: list[Part] = []
    problems: list[str] = []
    for text in parts:
        try:
            part = _parse(text)
        except ValueError as error:
            problems.append(f"{text!r}: {error}")
            continue
        parsed.append(part)
        problems += [f"{text!r}: {_unknown(field)}" for field in part.fields if field not in known]
    if problems:
        raise ConfigError(
            "the text template names what an item does not have",
            where="text.parts",
            problems=problems,
            next_step=f"use {', '.join('{' + field + '}' for field in (*TEXT_FIELDS, 'attributes[NAME]'))}",
        )
    return Template(tuple(parsed), separator)


def content_hash(text: str, vector: bytes = b"") -> str:
    """Return the sha256 (hex) of exactly what is embedded.

    Args:
        text: The rendered text.
        vector: For supplied vectors, the little-endian float32 bytes of the normalised vector.
    """
    return hashlib.sha256(text.encode() + vector).hexdigest()


def illustrated_hash(text: str, image: bytes) -> str:
    """Return the sha256 (hex) of exactly what is embedded of an item with an image.

    It covers the image's bytes, not its name: a picture that moves to another host or folder is the same content,
    one that is replaced under its old name is not. Without a readable image it is `content_hash(text)`.

    Args:
        text: The rendered text, which has no NUL in it.
        image: The bytes of the image file.
    """
    return hashlib.sha256(text.encode() + b"\0image\0" + hashlib.sha256(image).digest()).hexdigest()


def _parse(text: str) -> Part:
    fields, pattern = [], ""
    for literal, field, spec, conversion in string.Formatter().parse(text):
        pattern += literal.replace("%", "%%")
        if field is not None:
            if spec or conversion:
                raise ValueError("a field takes no format")
            fields.append(field)
            pattern += "%s"
    if not fields:
        raise ValueError("a part needs a {field}")
    return Part(tuple(fields), pattern)


def _unknown(field: str) -> str:
    if match := _ATTRIBUTE.fullmatch(field):
        return f"attribute {match[1]!r} is not in catalog.attributes"
    return f"unknown field {field!r}"
