"""Contracts: each one can fail, is named when it does, and no silence of the library passes."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from pyspark.sql import SparkSession

from semid.errors import ConfigError
from semid.frames import expectations
from semid.frames.expectations import Contract, declared, facts_frame, judge
from semid.measure.gate import decide
from tests import staged as tiny

FACTS = [*declared("semantic_id_staged", "facts", 2), *declared("semantic_id", "facts", 2)]
ROWS = declared("semantic_id_staged", "rows", 2)
# Facts that are gated as numbers (measure/checks.py), not by a contract.
GATED = {"uncovered_items", "changed_ids"}


def fact_of(contract: Contract) -> str:
    return str(contract.kwargs["column"])


def test_every_broken_rule_has_its_contract() -> None:
    """What the profile counts as broken is judged by exactly one contract, or by a gate."""
    judged = [fact_of(contract) for contract in FACTS]
    assert sorted(judged) == sorted(set(tiny.BROKEN_FACTS) - GATED)


def test_sound_rows_and_facts_pass(spark: SparkSession) -> None:
    """A sound staged run passes every contract, with a count of zero each."""
    rows = judge(tiny.frame(spark, tiny.STAGED, "semantic_id_staged"), ROWS)
    facts = dict.fromkeys(tiny.BROKEN_FACTS, 0)
    found = [*rows, *judge(facts_frame(facts, tiny.frame(spark, [], "run")), FACTS)]
    assert [(check.status, check.value, check.cohort) for check in found] == [("pass", 0, "contract")] * len(found)
    assert len(found) == len(ROWS) + len(FACTS)


def test_each_broken_fact_blocks_under_its_name(spark: SparkSession) -> None:
    """Every contract whose fact is not zero blocks, with name, level and count."""
    found = judge(facts_frame(tiny.BROKEN_FACTS, tiny.frame(spark, [], "run")), FACTS)
    expected = {(c.name, c.level): tiny.BROKEN_FACTS[fact_of(c)] for c in FACTS}
    assert {(check.metric, check.level): check.value for check in found} == expected
    assert {check.status for check in found} == {"block"}
    assert ("code_range", 2) in expected


def test_each_broken_row_blocks_under_its_name(spark: SparkSession) -> None:
    """Duplicate keys, nulls and badly printed IDs block, with their number and an example."""
    rows = tiny.frame(spark, tiny.BROKEN_STAGED, "semantic_id_staged")
    found = {check.metric: check for check in judge(rows, ROWS)}
    assert {name: (check.status, check.value) for name, check in found.items()} == {
        "key_unique": ("block", 2),
        "item_id_not_null": ("block", 1),
        "semantic_id_not_null": ("block", 1),
        "semantic_id_format": ("block", 2),
    }
    assert "03-1" in found["semantic_id_format"].note


def test_a_missing_fact_blocks(spark: SparkSession) -> None:
    """Null, NaN and a fact that was not counted at all are not zero violations."""
    facts: dict[str, Any] = dict.fromkeys(tiny.BROKEN_FACTS, 0)
    facts |= {"shared_ids": None, "reused_ids": float("nan")}
    del facts["bad_errors"]
    found = {check.metric: check for check in judge(facts_frame(facts, tiny.frame(spark, [], "run")), FACTS)}
    blocked = {name for name, check in found.items() if check.blocks}
    assert blocked == {"id_unique", "id_given_once", "quantization_error_finite"}
    assert all(found[name].value is None for name in blocked)


def test_an_empty_staged_set_passes_the_row_contracts(spark: SparkSession) -> None:
    """Nothing to assign tonight breaks no rule of the rows."""
    found = judge(tiny.frame(spark, [], "semantic_id_staged"), ROWS)
    assert [(check.status, check.value) for check in found] == [("pass", 0)] * len(ROWS)


def test_a_missing_library_blocks(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Great Expectations every contract blocks and says why."""
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    found = judge(tiny.frame(spark, [], "semantic_id_staged"), ROWS)
    assert decide(found).status == "block"
    assert all("ModuleNotFoundError" in check.note for check in found)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"success": True},
        {"success": True, "result": {}},
        {"success": True, "result": {"observed_value": None}},
        {"success": "yes", "result": {"observed_value": 0}},
        {"success": None, "result": {"unexpected_count": 0}},
        {"success": False, "result": {"unexpected_count": 0}},
        {"success": True, "result": {"unexpected_count": float("nan")}},
    ],
)
def test_half_an_answer_blocks(answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer without success or without a count blocks; so does the contract that got no answer at all."""
    label = expectations._label(ROWS[0])
    monkeypatch.setattr(expectations, "_validate", lambda *given: {label: answer})
    found = judge(None, ROWS)  # type: ignore[arg-type]
    assert [check.status for check in found] == ["block"] * len(ROWS)
    assert "no result" in found[1].note


def test_contracts_in_another_form_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt key in a contract file is an error that names the file."""
    monkeypatch.setattr(expectations, "parse_yaml", lambda text, name: {"rows": [{"nmae": "x"}]})
    with pytest.raises(ConfigError, match="expected") as refused:
        declared("semantic_id", "rows", 2)
    assert refused.value.where == "semantic_id.expectations.yaml"
