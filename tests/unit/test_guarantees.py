"""docs/guarantees.md names tests that are there, and leaves no rule, no fault and no bad input out."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text()
GUARANTEES, FAULTS = PAGE.split("\n## Faults\n")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@cache
def named_in(file: str) -> frozenset[str]:
    """Return the tests of a file: its functions, and its state machines by the name that pytest gives them."""
    body = ast.parse((ROOT / file).read_text()).body
    functions = [node.name for node in body if isinstance(node, ast.FunctionDef)]
    machines = [
        target.id
        for node in body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    return frozenset(name for name in (*functions, *machines) if re.match("test_|Test", name))


@pytest.mark.parametrize(("file", "name"), sorted(set(TEST.findall(PAGE))))
def test_a_test_that_is_named_is_there(file: str, name: str) -> None:
    """By file and name, as pytest takes them."""
    assert name in named_in(file)


def test_nothing_on_the_page_only_looks_like_a_test() -> None:
    """A misspelt mention would be checked by nobody."""
    mentions = re.findall(r"`[^`\n]*::[^`\n]*`", PAGE)
    assert all(TEST.fullmatch(mention) for mention in mentions)
    assert PAGE.count("::") == len(mentions)


def test_every_guarantee_has_a_test_or_says_that_it_has_none() -> None:
    """Rules 1 to 12, some in several parts, and G1 to G22, each once."""
    parts = GUARANTEES.split("\n**")[1:]
    assert all(TEST.search(part) or "not tested" in part for part in parts)
    heads = [part.split("**")[0] for part in parts]
    assert sorted({int(head.split()[0]) for head in heads if head[0].isdigit()}) == list(range(1, 13))
    assert sorted(int(n) for head in heads for n in re.findall(r"G(\d+)", head)) == list(range(1, 23))


def test_every_fault_was_observed_or_says_that_it_was_not() -> None:
    """F1 to F46 in order, each with what is expected."""
    rows = [line.strip("|").split("|") for line in FAULTS.splitlines() if line.startswith("| F")]
    assert [row[0].strip() for row in rows] == [f"F{n}" for n in range(1, 47)]
    assert all(len(row) == 4 and row[2].strip() for row in rows)
    assert all(TEST.search(row[3]) or "not injected" in row[3] for row in rows)


def test_every_bad_input_has_an_outcome_and_a_test() -> None:
    """I1 to I55 in order."""
    rows = [line.strip("|").split("|") for line in FAULTS.splitlines() if line.startswith("| I")]
    assert [row[0].strip() for row in rows] == [f"I{n}" for n in range(1, 56)]
    assert all(len(row) == 4 and row[2].strip() and TEST.search(row[3]) for row in rows)
