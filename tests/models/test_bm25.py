"""BM25, which brings scikit-learn with it: a second to load."""

from __future__ import annotations

from semid.downstream.bm25 import Bm25


def test_bm25_weighs_rare_words_and_finds_nothing_without_any() -> None:
    """The rarer word decides, a word twice counts more, an unknown word has no answer."""
    found = Bm25.of(["red soap", "red comb", "red red brush"]).search(["red comb", "soap", "axe"], 2)
    assert found[:, 0].tolist() == [1, 0, -1]
    assert found[0, 1] == 2
