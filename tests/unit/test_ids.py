"""The printed form of IDs: known answers, and properties that hold for all codes."""

from __future__ import annotations

import hashlib
import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.ids import derive_run_id, fingerprint, format_id, overlap, parse_id, prefixes

CODES = st.lists(st.integers(0, 65535), min_size=1, max_size=6)
INDEX = st.integers(0, 10**6)


@pytest.mark.parametrize(
    ("codes", "index", "printed"),
    [([12, 153, 87], 0, "12-153-87"), ([12, 153, 87], 1, "12-153-87#1"), ([0], 0, "0"), ([0, 0], 12, "0-0#12")],
)
def test_printed_form(codes: list[int], index: int, printed: str) -> None:
    """An ID is its codes joined by -, and #k behind when the dedup index k is above 0."""
    assert format_id(codes, index) == printed
    assert parse_id(printed) == (tuple(codes), index)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "1-",
        "-1",
        "1--2",
        "01",
        "1-02",
        "1#0",
        "1#",
        "#1",
        "1#01",
        "1#2#3",
        " 1",
        "1 ",
        "1\n",
        "1.0",
        "+1",
        "a",
        "1-٣",
        "１",
        "1-2\n",
        "1\x00",
        "1–2",
    ],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    """Only the canonical form parses: no leading zeros, blanks, line ends or digits of other scripts."""
    with pytest.raises(ValueError, match="not a semantic ID"):
        parse_id(text)


@given(CODES, INDEX)
def test_printing_then_parsing_gives_the_same(codes: list[int], index: int) -> None:
    """Nothing is lost in the printed form, so two different IDs never print alike."""
    assert parse_id(format_id(codes, index)) == (tuple(codes), index)


@given(st.text(alphabet="0123-#", max_size=8))
def test_parsing_then_printing_gives_the_same(text: str) -> None:
    """A text that parses is the only text of its ID."""
    try:
        codes, index = parse_id(text)
    except ValueError:
        return
    assert format_id(codes, index) == text


@given(CODES)
def test_prefixes_go_from_coarse_to_fine(codes: list[int]) -> None:
    """There is one prefix per level, each the codes so far; the last is the ID without its #k."""
    found = prefixes(codes)
    assert [parse_id(prefix) for prefix in found] == [(tuple(codes[: n + 1]), 0) for n in range(len(codes))]


@given(CODES, CODES, INDEX, INDEX)
def test_overlap_counts_equal_leading_codes(a: list[int], b: list[int], i: int, j: int) -> None:
    """The overlap is the depth of the longest common prefix; order and #k do not matter."""
    found = overlap(format_id(a, i), format_id(b, j))
    common = [depth for depth in range(min(len(a), len(b)) + 1) if a[:depth] == b[:depth]]
    assert found == max(common) == overlap(format_id(b), format_id(a))


@given(CODES, CODES, CODES, INDEX)
def test_overlap_is_what_queries_on_prefixes_find(a: list[int], b: list[int], c: list[int], i: int) -> None:
    """The prefixes of all depths that two IDs share; and who is close to both of two others makes these close."""
    first, second, third = format_id(a, i), format_id(b), format_id(c)
    assert overlap(first, second) == sum(x == y for x, y in zip(prefixes(a), prefixes(b), strict=False))
    assert overlap(first, third) >= min(overlap(first, second), overlap(second, third))
    assert overlap(first, format_id(a)) == len(a)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"é', max_size=2), inner, max_size=3),
        max_leaves=6,
    ),
    st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_fingerprint_is_of_the_value_not_of_its_writing(value: object, random: Random) -> None:
    """Keys in any order, through JSON and back: the same; put into a list or beside a null: another."""

    def shuffled(one: object) -> object:
        if isinstance(one, dict):
            return {key: shuffled(one[key]) for key in random.sample(sorted(one), len(one))}
        return [shuffled(each) for each in one] if isinstance(one, list) else one

    found = fingerprint(value)
    assert found == fingerprint(shuffled(value)) == fingerprint(json.loads(json.dumps(value)))
    assert len({found, fingerprint([value]), fingerprint([value, None]), fingerprint({"a": value})}) == 4


@pytest.mark.parametrize(
    ("a", "b", "depth"),
    [("1-2-3", "1-2-3#4", 3), ("1-2-3", "1-2", 2), ("1-2-3", "1-20-3", 1), ("1-2", "12", 0), ("5-1-2", "6-1-2", 0)],
)
def test_overlap_of_known_ids(a: str, b: str, depth: int) -> None:
    """Codes are compared, not characters, and a later match counts for nothing."""
    assert overlap(a, b) == depth


def test_fingerprint_ignores_the_order_of_keys() -> None:
    """Equal values have equal fingerprints however they are written; different ones differ."""
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint([1, 2]) != fingerprint([2, 1])


def test_a_lone_surrogate_has_a_fingerprint_of_its_own() -> None:
    """A file name of bytes that are no UTF-8 has one: that of the JSON with its escape, not that of the escape as text."""
    name = b"\xff.jsonl".decode(errors="surrogateescape")
    assert fingerprint([name]) == hashlib.sha256(b'["\\udcff.jsonl"]').hexdigest()
    assert len({fingerprint(text) for text in (name, "\\udcff.jsonl", "\ud800.jsonl", "?.jsonl")}) == 4


def test_fingerprint_is_the_sha256_of_canonical_json() -> None:
    """The fingerprint can be recomputed by anybody, so stored ones stay comparable across versions."""
    assert fingerprint({"a": [1, "é"]}) == "5db14a2cddc92d31365806bb5d82ed2bc436bf6960d10cd4654140f7bdadce1c"


def test_run_id_names_job_date_and_inputs() -> None:
    """A corrected feed for the same night has another fingerprint, so it is another run."""
    assert derive_run_id("nightly", "2026-11-22", "ab" * 32) == "nightly-2026-11-22-abababababab"
    assert derive_run_id("nightly", "2026-11-22", "ac" * 32) != derive_run_id("nightly", "2026-11-22", "ab" * 32)
