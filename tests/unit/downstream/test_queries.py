"""Queries of a catalog's own log, and what they are for."""

from __future__ import annotations

import numpy as np

from semid.downstream.queries import CHECKED, JUDGED, Queries, in_parts, of_items


def test_rows_without_a_word_or_a_known_item_are_left_out() -> None:
    texts = ["red soap", None, "", "  ", "?!", "soap", "soap", "石鹸", "red soap"]
    found = of_items(texts, ["b", "a", "a", "a", "a", None, "lost", "c", "b"], ["c", "a", "b"])
    assert found.texts == ("red soap", "石鹸", "red soap")
    assert found.items.tolist() == [2, 0, 2]
    assert of_items([], [], ["a"]).texts == ()


def test_a_text_is_in_one_part_only_and_no_more_are_held_out_than_are_judged() -> None:
    """A fifth is held out; a fifth of that, of a few, chooses the epoch; each text comes twice, for two items."""
    few = Queries(tuple(f"q{n // 2}" for n in range(4_000)), np.arange(4_000))
    learnt, checked, judged = in_parts(few, seed=3)
    assert len(learnt.texts) + len(checked.texts) + len(judged.texts) == 4_000
    assert 0.17 < 1 - len(learnt.texts) / 4_000 < 0.23
    assert 0.1 < len(checked.texts) / (len(checked.texts) + len(judged.texts)) < 0.3
    texts = [set(part.texts) for part in (learnt, checked, judged)]
    assert not texts[0] & texts[1] | texts[0] & texts[2] | texts[1] & texts[2]
    assert {int(text[1:]) for text in judged.texts} == {n // 2 for n in judged.items.tolist()}
    many = Queries(tuple(f"q{n}" for n in range(30_000)), np.arange(30_000))
    learnt, checked, judged = in_parts(many, seed=3)
    assert (len(checked.texts), len(judged.texts)) == (CHECKED, JUDGED)
    assert in_parts(many, seed=3).judged.texts == judged.texts
    assert in_parts(many, seed=4).judged.texts != judged.texts
