"""Labels from terms: known answers; loading a labeller."""

from __future__ import annotations

import pytest

from semid.errors import ConfigError
from semid.text.label import LONGER, Term, label_of, load_labeller, whole_phrases


def terms(*given: tuple[str, int]) -> list[Term]:
    """Return terms with falling scores."""
    return [Term(text, 1.0 / place, items) for place, (text, items) in enumerate(given, 1)]


def names(found: list[Term]) -> list[str]:
    return [term.term for term in found]


def test_a_longer_term_stands_for_its_parts() -> None:
    """At the place of its best part; a part that is more than twice as common stays, whole words only."""
    found = terms(("nail", 10), ("polish", 9), ("gel", 8), ("nail polish", 5), ("gel nail polish", 4), ("nai", 9))
    assert names(whole_phrases(found)) == ["nail polish", "gel nail polish", "nai"]
    assert names(whole_phrases(terms(("tea", 11), ("green tea", 5)))) == ["tea", "green tea"]


def test_a_label_repeats_no_word() -> None:
    """Plurals and possessives count as the word; at most three phrases."""
    found = terms(("nail polish", 9), ("nails", 8), ("women's", 7), ("women care", 7), ("gel", 6), ("red", 6))
    assert label_of(found) == "nail polish, women's, gel"


def test_plurals_after_a_hiss() -> None:
    """Brushes are brushes; short words keep their s."""
    assert label_of(terms(("brush", 9), ("brushes", 8), ("boxes", 8), ("box", 8), ("gas", 7))) == "brush, boxes, gas"


def test_a_longer_label_takes_rare_terms() -> None:
    """What tells two siblings with one label apart may be rare."""
    found = terms(("tea", 10), ("cup", 5), ("rare", 1), ("leaf", 4), ("green", 3))
    assert label_of(found, LONGER, common=0.0) == "tea, cup, rare, leaf, green"


def test_a_rare_term_is_not_in_the_label() -> None:
    """Below a fifth of the commonest term's items; there is no label without a term."""
    assert label_of(terms(("rare", 1), ("tea", 10), ("cup", 2))) == "tea, cup"
    assert label_of([]) is None


def test_a_labeller_is_made_by_its_factory() -> None:
    """What is not there is refused with its name, and nothing is called but the factory."""
    assert load_labeller("tests.labellers:shouting")(["tea", "leaf"], []) == "TEA"
    for wrong in ("tests.labellers:nobody", "tests.nowhere:shouting"):
        with pytest.raises(ConfigError, match="labeller cannot be loaded"):
            load_labeller(wrong)
