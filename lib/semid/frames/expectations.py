"""Table contracts, declared in `schemas/*.expectations.yaml` and judged by Great Expectations.

The heavy counting is one Spark aggregate (`frames/profile.py`): 15 expectations with one column set each
took 131 s on 1M rows, the same facts as one aggregate 6 s. Great Expectations judges that row of facts, and
the few rules that are best seen on the staged rows themselves.

Fails closed: a library that is missing, raises, or answers less than it was asked is a reason to block.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from string import Template
from threading import Lock
from typing import Any, Literal

from pyspark.sql import DataFrame

from semid.config import Section
from semid.errors import ConfigError, escape_controls
from semid.ids import ID_PATTERN
from semid.measure.gate import Check, is_number
from semid.yaml_file import parse_yaml

log = logging.getLogger(__name__)


# A checkpoint finds its suite and data through the context that was made last in the process.
_ONE_AT_A_TIME = Lock()


@dataclass(frozen=True)
class Record:
    """What Great Expectations answered in one run, for its Data Docs.

    Attributes:
        run_name: Name of the run; the library's stores take no / in it.
        results: Its checkpoint results, one per judged frame.
    """

    run_name: str
    results: list[Any] = field(default_factory=list)


class Contract(Section):
    """One declared rule: an expectation of Great Expectations and what it means."""

    name: str
    says: str
    type: str
    kwargs: Mapping[str, Any]
    level: int = 0


class _Declared(Contract):
    each: Literal["level"] | None = None


class _File(Section):
    rows: tuple[_Declared, ...] = ()
    facts: tuple[_Declared, ...] = ()


def declared(table: str, on: Literal["rows", "facts"], levels: int) -> list[Contract]:
    """Return the contracts of a table, filled in for a codebook of `levels` levels.

    Raises:
        ConfigError: The file does not declare contracts in the expected form.
    """
    name = f"{table}.expectations.yaml"
    content = parse_yaml(resources.files("semid.schemas").joinpath(name).read_text(), name)
    try:
        contracts = getattr(_File.model_validate_json(json.dumps(content)), on)
    except ValueError as error:
        raise ConfigError("contracts are not declared as expected", where=name, problems=[str(error)]) from error
    return [
        _filled(contract, levels, level)
        for contract in contracts
        for level in (range(1, levels + 1) if contract.each else (0,))
    ]


def judge(
    df: DataFrame, contracts: Sequence[Contract], suite: str = "contracts", record: Record | None = None
) -> list[Check]:
    """Return one check per contract on the rows of `df`: its value is the number of violations.

    Never raises for what Great Expectations does: a contract without a usable answer blocks.

    Args:
        df: Rows, or one row of facts.
        contracts: What must hold.
        suite: Name of the contracts together, in the record.
        record: Where the library's own results are kept; None when nobody wants them.
    """
    record = record or Record("unrecorded")
    try:
        with _ONE_AT_A_TIME:
            results = _validate(df, contracts, suite, record)
    except Exception as error:
        log.exception("Great Expectations failed")
        reason = f"Great Expectations could not judge it: {type(error).__name__}: {str(error)[:200]}"
        return [_check(contract, None, reason) for contract in contracts]
    return [_answer(contract, results.get(_label(contract))) for contract in contracts]


def facts_frame(facts: Mapping[str, Any], like: DataFrame) -> DataFrame:
    """Return the facts as one row of doubles, in the session of `like`."""
    names = sorted(facts)
    values = tuple(None if facts[name] is None else float(facts[name]) for name in names)
    return like.sparkSession.createDataFrame([values], ", ".join(f"`{name}` double" for name in names))


def _validate(df: DataFrame, contracts: Sequence[Contract], suite: str, record: Record) -> dict[str, dict[str, Any]]:
    # Read at import time: afterwards it would be too late to keep the library from calling home.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    expected = context.suites.add(_suite(suite, contracts))
    source = context.data_sources.add_spark("spark", persist=False)
    rows = source.add_dataframe_asset(suite).add_batch_definition_whole_dataframe("all")
    judged = context.validation_definitions.add(gx.ValidationDefinition(name=suite, data=rows, suite=expected))
    checkpoint = context.checkpoints.add(gx.Checkpoint(name=suite, validation_definitions=[judged]))
    run_id = gx.RunIdentifier(run_name=record.run_name.replace("/", "_"))
    result = checkpoint.run(batch_parameters={"dataframe": df}, run_id=run_id)
    (outcome,) = result.run_results.values()
    # Through JSON: the library has results that cannot be dumped (numpy bools); they are no answer.
    answers = json.loads(json.dumps([one.to_json_dict() for one in outcome.results]))
    record.results.append(result)
    return {answer["expectation_config"]["meta"]["contract"]: answer for answer in answers}


def _suite(name: str, contracts: Sequence[Contract]) -> Any:
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    # The library's pages show notes of a suite, none of an expectation.
    notes = [f"{contract.name}: {contract.says}" for contract in contracts]
    suite = gx.ExpectationSuite(name, notes=notes)
    for contract in contracts:
        meta = {"contract": _label(contract)}
        suite.add_expectation_configuration(ExpectationConfiguration(contract.type, dict(contract.kwargs), meta))
    return suite


def _answer(contract: Contract, result: Mapping[str, Any] | None) -> Check:
    if result is None:
        return _check(contract, None, "Great Expectations gave no result for it")
    found: Mapping[str, Any] = result.get("result") or {}
    count = found.get("unexpected_count", found.get("observed_value"))
    if count is None and found.get("element_count") == 0:
        count = 0  # no row to judge: nothing staged tonight
    value = float(count) if isinstance(count, int | float) and is_number(count) else None
    if result.get("success") is True and value is not None:
        return Check("contract", contract.name, value, "pass", contract.level, threshold_block=1, note=contract.says)
    examples = [str(example)[:60] for example in (found.get("partial_unexpected_list") or [])[:3]]
    seen = f"found: {', '.join(examples)}" if examples else "" if value is not None else "not computed"
    return _check(contract, value, escape_controls(seen))


def _check(contract: Contract, value: float | None, reason: str) -> Check:
    note = f"broken: {contract.says}" + (f"; {reason}" if reason else "")
    return Check("contract", contract.name, value, "block", contract.level, threshold_block=1, note=note)


def _label(contract: Contract) -> str:
    return f"{contract.name}/{contract.level}"


def _filled(contract: _Declared, levels: int, level: int) -> Contract:
    values = {"levels": str(levels), "level": str(level), "id_pattern": ID_PATTERN}

    def fill(value: Any) -> Any:
        return Template(value).safe_substitute(values) if isinstance(value, str) else value

    kwargs = {key: fill(value) for key, value in contract.kwargs.items()}
    return Contract(name=contract.name, says=fill(contract.says), type=contract.type, kwargs=kwargs, level=level)
