"""Which column of the feed is which column of semid, and whether the feed has what it must have."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    DataType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegralType,
    MapType,
    NullType,
    NumericType,
    StringType,
    StructType,
    VariantType,
)

from semid.config import CatalogConfig
from semid.errors import InputRefused
from semid.text.render import Template

_ALWAYS = ("item_id", "title", "brand", "category", "description", "price", "image_url")


@dataclass(frozen=True)
class Wanted:
    """One column that is looked for in the feed.

    Attributes:
        field: semid's name: `title`, or `attributes[x]`.
        column: The feed's name.
        key: Where the name was configured.
        required: Whether the feed is refused without it.
    """

    field: str
    column: str
    key: str
    required: bool


def wanted_columns(catalog: CatalogConfig, supplied: bool) -> list[Wanted]:
    """Return the columns that are looked for.

    A column that the configuration names itself is required; one that is left at its default may be absent.

    Args:
        catalog: The feed's configuration.
        supplied: Whether the feed brings the vectors.
    """
    names = catalog.columns.model_dump()
    fields = [*_ALWAYS]
    fields += ["updated_at"] if catalog.duplicates == "latest" else []
    fields += ["embedding"] if supplied else []
    must = {"item_id", "updated_at", "embedding"}
    wanted = [
        Wanted(field, names[field], f"catalog.columns.{field}", field in must or names[field] != field)
        for field in fields
    ]
    return wanted + [Wanted(f"attributes[{x}]", x, "catalog.attributes", True) for x in catalog.attributes]


def mapped_columns(
    wanted: Sequence[Wanted], present: Sequence[str], template: Template, where: str, sampled: bool = False
) -> dict[str, str]:
    """Return the feed's column of each field that is there.

    Names are compared exactly: `Item_ID` is not `item_id`. For JSON lines only the keys of a sample are
    known; there an optional column is missing for sure only when the sample shows a similar name.

    Raises:
        InputRefused: Lists every column that is missing, each with the nearest name there is.
    """
    found = {w.field: w.column for w in wanted if w.column in present}
    problems = [_missing(w, present) for w in wanted if w.field not in found and _counts(w, present, sampled)]
    twice = sorted({name for name in found.values() if list(present).count(name) > 1})
    problems += [f"{name}: the feed has several columns of this name" for name in twice]
    if not any(field in found for field in template.fields):
        texts = ", ".join(w.column for w in wanted if w.field in template.fields)
        problems.append(f"text.parts: the feed has none of the text columns {texts}")
    if problems:
        raise InputRefused(
            f"the feed lacks {len(problems)} column(s)" if not twice else "the feed's columns do not fit",
            where=where,
            problems=problems,
            next_step=f"map names with --set catalog.columns.NAME=COLUMN; there are: {', '.join(present[:20])}",
        )
    if sampled:  # what the sample did not show may still come
        return {w.field: w.column for w in wanted}
    return found


def check_types(columns: Mapping[str, str], types: Mapping[str, DataType], where: str) -> None:
    """Refuse columns of a Parquet file or Delta table whose type cannot be what the field needs.

    Raises:
        InputRefused: Lists every column with its type and the types that are taken.
    """
    problems = [
        f"{column}: {types[column].simpleString()}, {expected} is needed for {field}"
        for field, column in columns.items()
        if (expected := _refusal(field, types[column]))
    ]
    if problems:
        raise InputRefused(
            "columns of the feed have types that cannot be taken",
            where=where,
            problems=problems,
            next_step="cast them where the feed is written; ids as text, or as whole numbers",
        )


def _counts(wanted: Wanted, present: Sequence[str], sampled: bool) -> bool:
    similar = any(name.casefold() == wanted.column.casefold() for name in present)
    if wanted.field == "item_id" or similar:
        return True
    return wanted.required and (not sampled or bool(_near(wanted.column, present)))


def _missing(wanted: Wanted, present: Sequence[str]) -> str:
    near = _near(wanted.column, present)
    hint = f", did you mean {near[0]!r}?" if near else ""
    return f"{wanted.key}: the feed has no column {wanted.column!r}{hint}"


def _near(name: str, present: Sequence[str]) -> list[str]:
    folded = {other.casefold(): other for other in present}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.75)
    return [folded[match] for match in close]


def _refusal(field: str, kind: DataType) -> str:
    if field == "item_id":
        whole = isinstance(kind, IntegralType) or (isinstance(kind, DecimalType) and kind.scale == 0)
        return "" if whole or isinstance(kind, StringType) else "text or a whole number"
    if field == "category":
        listed = isinstance(kind, ArrayType) and isinstance(kind.elementType, StringType)
        return "" if listed or isinstance(kind, StringType | NullType) else "a list of text, or text"
    if field == "embedding":
        numbers = isinstance(kind, ArrayType) and isinstance(kind.elementType, DoubleType | FloatType)
        return "" if numbers else "a list of float or double"
    if field == "price":
        return "" if isinstance(kind, NumericType | StringType | NullType) else "a number or text"
    nested = isinstance(kind, ArrayType | MapType | StructType | BinaryType | VariantType)
    return "text" if nested else ""
