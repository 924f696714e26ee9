"""Data Docs: the library's pages of every run, harmless to a browser, and never in the way of the gate."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from pyspark.sql import SparkSession

from semid.frames.data_docs import write_data_docs
from semid.frames.expectations import Record, declared, facts_frame, judge
from tests import staged as tiny

ROWS = declared("semantic_id_staged", "rows", 2)
FACTS = declared("semantic_id_staged", "facts", 2)
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def record(spark: SparkSession) -> Record:
    """A run whose staged rows have a hostile item twice, and whose facts are sound."""
    kept = Record("nightly/r1")
    twice = [tiny.STAGED[0] | {"item_id": HOSTILE}] * 2
    judge(tiny.frame(spark, twice, "semantic_id_staged"), ROWS, "staged_rows_v1", kept)
    facts = facts_frame(dict.fromkeys(tiny.BROKEN_FACTS, 0), tiny.frame(spark, [], "run"))
    judge(facts, FACTS, "counted_facts_v1", kept)
    return kept


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the module warns of."""
    said: list[str] = []
    logger = logging.getLogger("semid.frames.data_docs")
    monkeypatch.setattr(logger, "warning", lambda text, *args: said.append(text % args))
    return said


def pages(folder: Path, suite: str) -> list[str]:
    found = sorted((folder / "html" / "validations" / suite).glob("*/*/*.html"))
    return [path.read_text() for path in found]


def test_a_run_has_a_page_per_suite_and_an_index(record: Record, tmp_path: Path, warnings: list[str]) -> None:
    """What failed is on the run's page, what it means on the suite's; nothing of the feed runs in a browser."""
    assert write_data_docs(tmp_path, record.results)
    assert warnings == []
    (rows,), (facts,) = pages(tmp_path, "staged_rows_v1"), pages(tmp_path, "counted_facts_v1")
    assert "must be unique together" in rows
    assert ROWS[0].says in (tmp_path / "html" / "expectations" / "staged_rows_v1.html").read_text()
    assert "</i> Failed" in rows
    assert "</i> Succeeded" in facts
    everything = [path.read_text(errors="replace") for path in tmp_path.rglob("*.html")]
    assert not any(HOSTILE in text for text in everything)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in rows
    index = (tmp_path / "html" / "index.html").read_text()
    assert "staged_rows_v1" in index
    assert "nightly_r1" in index, "a slash would be a folder to the library"


def test_the_results_are_kept_as_json(record: Record, tmp_path: Path) -> None:
    """One file per run with every expectation's outcome, for programs."""
    write_data_docs(tmp_path, record.results)
    rows, facts = json.loads((tmp_path / "checkpoints" / "nightly_r1.json").read_text())
    assert (rows["success"], facts["success"]) == (False, True)
    (result,) = rows["validation_results"]
    failed = {one["expectation_type"] for one in result["expectations"] if not one["success"]}
    assert failed == {"expect_compound_columns_to_be_unique"}
    assert result["statistics"]["evaluated_expectations"] == len(ROWS)


def test_later_runs_leave_earlier_pages(record: Record, spark: SparkSession, tmp_path: Path) -> None:
    """The folder grows by the run; the index lists both."""
    write_data_docs(tmp_path, record.results)
    later = Record("r2")
    judge(tiny.frame(spark, tiny.STAGED, "semantic_id_staged"), ROWS, "staged_rows_v1", later)
    assert write_data_docs(tmp_path, later.results)
    assert len(pages(tmp_path, "staged_rows_v1")) == 2
    index = (tmp_path / "html" / "index.html").read_text()
    assert "nightly_r1" in index
    assert "r2" in index


def test_a_renderer_that_breaks_is_a_warning(
    record: Record, tmp_path: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library logs it and goes on; the missing pages are counted."""

    def broken(*_: object) -> None:
        raise TypeError("no render")

    monkeypatch.setattr(ValidationResultsPageRenderer, "render", broken)
    assert not write_data_docs(tmp_path, record.results)
    assert warnings == ["Great Expectations left out 2 of the pages of this run"]


def test_a_folder_that_cannot_be_written_is_a_warning(record: Record, tmp_path: Path, warnings: list[str]) -> None:
    """A full disk or a file in its place: said, not raised."""
    (tmp_path / "docs").write_text("a file")
    assert not write_data_docs(tmp_path / "docs", record.results)
    assert warnings[0].startswith("the Data Docs of this run are missing: ")
