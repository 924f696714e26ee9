"""Names for codes: made of their terms, or by a labeller of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from semid.errors import ConfigError

PHRASES = 3
"""Terms in a label: BERTopic asks its language models for three words at most."""

LONGER = PHRASES + 2
"""Terms in the label of a code whose sibling would have the same one."""

_COVERS = 0.5
"""A longer term stands for its part when at least half of the items with the part have it."""

COMMON = 0.2
"""A term in a label needs a fifth of the items that the commonest of the terms has."""


@dataclass(frozen=True)
class Term:
    """A term of a prefix: one to four words, its c-TF-IDF, and the items of the prefix that have it."""

    term: str
    score: float
    items: int


class Labeller(Protocol):
    """Names a code from its terms (highest score first) and texts of its exemplars; '' for no better name."""

    def __call__(self, terms: Sequence[str], samples: Sequence[str]) -> str:
        """Return the name. An error ends the run, and the labels stay as they were."""


def whole_phrases(terms: Sequence[Term]) -> list[Term]:
    """Return the terms without the parts of longer ones that stand for them, in order of their best part.

    >>> eau, de, parfum = Term("eau", 0.4, 9), Term("eau de", 0.3, 9), Term("eau de parfum", 0.2, 8)
    >>> [term.term for term in whole_phrases([eau, Term("spray", 0.35, 5), de, parfum])]
    ['eau de parfum', 'spray']

    Args:
        terms: Highest score first.
    """
    return list(dict.fromkeys(_whole(term, terms) for term in terms))


def label_of(phrases: Sequence[Term], most: int = PHRASES, common: float = COMMON) -> str | None:
    """Return a readable name: the first terms that share no word and that enough items have; None without any.

    >>> label_of([Term("nail polish", 0.3, 8), Term("opi", 0.2, 3), Term("nails", 0.1, 4), Term("gift", 0.1, 1)])
    'nail polish, opi'

    Args:
        phrases: From `whole_phrases`.
        most: Terms in the name.
        common: Share of the items with the commonest term that a term needs.
    """
    least = common * max((term.items for term in phrases), default=0)
    chosen: list[str] = []
    used: set[str] = set()
    for term in phrases:
        stems = {_stem(word) for word in term.term.split(" ")}
        if len(chosen) < most and term.items >= least and not stems & used:
            chosen.append(term.term)
            used |= stems
    return ", ".join(chosen) or None


def load_labeller(name: str) -> Labeller:
    """Return what the factory `package.module:factory` makes.

    Raises:
        ConfigError: There is no such module or factory.
    """
    module, _, factory = name.partition(":")
    try:
        made: Callable[[], Labeller] = getattr(import_module(module), factory)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"the labeller cannot be loaded: {error}",
            where=f"labels.labeller: {name}",
            next_step="write package.module:factory of a package that is installed on every machine of the cluster",
        ) from error
    return made()


def _whole(part: Term, terms: Sequence[Term]) -> Term:
    """Return the longest term that has `part` in it and covers enough of its items; itself when there is none."""
    around = [term for term in terms if f" {part.term} " in f" {term.term} " and term.items >= _COVERS * part.items]
    return max(around, key=lambda term: term.term.count(" "))


def _stem(word: str) -> str:
    """Return a word without its plural ending, roughly: "nail" and "nails", "brush" and "brushes" make no label."""
    bare = word.removesuffix("'s").removesuffix("’s")
    if bare.endswith(("ches", "shes", "sses", "xes")):
        return bare[:-2]
    return bare.removesuffix("s") if len(bare) > 3 else bare
