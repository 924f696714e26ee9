"""Whether a feed's columns and types are those that are needed; decided from names and types, without a session."""

from __future__ import annotations

import pytest
from pyspark.sql import types as T

from semid.config import load_config
from semid.errors import InputRefused
from semid.frames.feed_columns import check_types, mapped_columns, wanted_columns
from semid.text.render import template

CATALOG = load_config().catalog
TEMPLATE = template(["{title}", "{brand}"], ". ")


@pytest.mark.parametrize(
    ("present", "problems"),
    [
        (
            ["item_ids", "title"],
            ["catalog.columns.item_id: the feed has no column 'item_id', did you mean 'item_ids'?"],
        ),
        (
            ["item_id", "Title", "brand"],
            ["catalog.columns.title: the feed has no column 'title', did you mean 'Title'?"],
        ),
        (["item_id", "name"], ["text.parts: the feed has none of the text columns title, brand"]),
        (["sku", "Brand"], ["item_id", "'Brand'", "none of the text columns"]),
    ],
)
def test_a_renamed_column_is_refused_with_the_name_there_is(present: list[str], problems: list[str]) -> None:
    """I27: all of them at once, each with the nearest name."""
    with pytest.raises(InputRefused) as refused:
        mapped_columns(wanted_columns(CATALOG, supplied=False), present, TEMPLATE, "feed")
    assert len(refused.value.problems) == len(problems)
    assert all(part in found for part, found in zip(problems, refused.value.problems, strict=True))


def test_an_optional_column_under_its_default_name_may_be_absent() -> None:
    """A catalog without brands is one; a column that the configuration names must be there."""
    own = CATALOG.model_copy(update={"columns": CATALOG.columns.model_copy(update={"brand": "maker"})})
    present = ["item_id", "title"]
    assert mapped_columns(wanted_columns(CATALOG, supplied=False), present, TEMPLATE, "feed").keys() == set(present)
    with pytest.raises(InputRefused, match=r"catalog.columns.brand: the feed has no column 'maker'"):
        mapped_columns(wanted_columns(own, supplied=False), present, TEMPLATE, "feed")


def test_retyped_columns_are_refused_with_both_types() -> None:
    """I27: what they are and what is needed, all at once."""
    types = {"id": T.DoubleType(), "name": T.StructType([]), "brand": T.StringType()}
    with pytest.raises(InputRefused) as refused:
        check_types({"item_id": "id", "title": "name", "brand": "brand"}, types, "feed")
    first, second = refused.value.problems
    assert first.startswith("id: double, ")
    assert second.startswith("name: struct<>, ")
