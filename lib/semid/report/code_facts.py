"""What the report and `semid tree` show of labelled codes, as plain values. `tables/label_facts.py` finds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from semid.quantize.base import Floats


@dataclass(frozen=True)
class Branch:
    """A prefix with a label.

    Attributes:
        prefix: As printed.
        items: Items that have it now.
        label: Its name; None when it has none, as the root of a tree may.
        purity: Share of its commonest category when it was labelled; None without categories.
        terms: Its terms, the most telling first.
        exemplars: Titles of its exemplars, nearest to its mean first; each title once; the id of an
            item without one.
        below: The prefixes one code longer.
    """

    prefix: str
    items: int
    label: str | None
    purity: float | None
    terms: tuple[str, ...]
    exemplars: tuple[str, ...]
    below: Family


@dataclass(frozen=True)
class Family:
    """The prefixes one code longer than a parent's.

    Attributes:
        shown: Those with a label and the most items.
        labelled: Others with a label.
        unlabelled: Others, too small to have one or without a term.
        items: Items of the others.
    """

    shown: tuple[Branch, ...] = ()
    labelled: int = 0
    unlabelled: int = 0
    items: int = 0

    def walk(self) -> Iterator[Branch]:
        """Yield every branch that is shown, parents before their children."""
        for branch in self.shown:
            yield branch
            yield from branch.below.walk()


@dataclass(frozen=True)
class CodeTree:
    """The labelled codes of a codebook version.

    Attributes:
        version: The version.
        labelled_version: Whose labels they are: its own, or those of the version it was retrained from.
        items: Items with an ID.
        family: The tree.
    """

    version: int
    labelled_version: int | None
    items: int
    family: Family


@dataclass(frozen=True, eq=False)
class ItemMap:
    """A sample of distinct contents.

    Attributes:
        places: (n, 2), near each other where their vectors are.
        codes: (n,) first codes, printed.
    """

    places: Floats
    codes: tuple[str, ...]


@dataclass(frozen=True)
class LabelledCodes:
    """What a release's page shows of its codes' meaning; the map may be missing where vectors are."""

    tree: CodeTree
    map: ItemMap | None
