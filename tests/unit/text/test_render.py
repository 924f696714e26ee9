"""Rows to the text that is embedded, and its hash."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.errors import ConfigError
from semid.text.render import content_hash, template

PARTS = ("{title}", "by {brand}", "{category}", "{description}")


def test_full_row() -> None:
    """All parts, joined by the separator."""
    fields = {"title": "Soap", "brand": "Lush", "category": "Bath Soap", "description": "Smells."}
    assert template(PARTS, ". ").render(fields) == "Soap. by Lush. Bath Soap. Smells."


def test_part_with_empty_field_is_left_out() -> None:
    """A part goes with its literal text when its field is empty, and takes its separator with it."""
    assert template(PARTS, ". ").render({"title": "Soap", "brand": None, "description": ""}) == "Soap"


def test_part_with_two_fields_needs_both() -> None:
    """One empty field of a part removes the whole part."""
    two = template(["{title} ({brand})", "{description}"], " | ")
    assert two.render({"title": "Soap", "description": "d"}) == "d"
    assert two.render({"title": "Soap", "brand": "Lush"}) == "Soap (Lush)"


def test_attributes_and_percent_signs() -> None:
    """An attribute is named in brackets; a percent sign and doubled braces are text."""
    shown = template(["{attributes[size]} 100% {{x}}"], ".", ["size"]).render({"attributes[size]": "5 %s"})
    assert shown == "5 %s 100% {x}"


def test_every_wrong_part_is_listed() -> None:
    """Unknown fields, undeclared attributes, formats and parts without a field are named together."""
    with pytest.raises(ConfigError) as caught:
        template(["{name}", "{attributes[size]}", "{title:>5}", "fixed", "{title"], ". ")
    assert len(caught.value.problems) == 5
    assert "unknown field 'name'" in caught.value.problems[0]
    assert "'size' is not in catalog.attributes" in caught.value.problems[1]
    assert caught.value.exit_code == 2


@settings(deadline=None, max_examples=60)
@given(st.text())
def test_content_hash_is_sha256_of_utf8(text: str) -> None:
    """The hash can be recomputed by anyone from the stored text."""
    assert content_hash(text) == hashlib.sha256(text.encode("utf-8")).hexdigest()


def test_content_hash_covers_the_vector() -> None:
    """A supplied vector is part of the content."""
    assert content_hash("a", b"\0" * 4) != content_hash("a")
