"""docs/sql.md: every query of the page runs in Spark SQL and in DuckDB, and both give the same rows."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from semid.tables import views
from semid.tables.query import Reader, open_reader
from semid.tables.store import Store
from tests.cookbook import PAGE, Question, questions, with_answers
from tests.nights import Nights
from tests.small_nights import NIGHT3, copy, night, staged_row
from tests.warehouse import release_row

pytestmark = pytest.mark.spark

TEXT = PAGE.read_text(encoding="utf-8")
QUESTIONS = questions(TEXT)
# The page asks for items of the demo's catalog; here stand items of the test's catalog with the same history:
# edited on the second night, removed on it, never touched.
ITEMS = {
    "1000002": "p0005",
    "1012112": "p0000",
    "1085920": "p0020",
    "1096036": "p0021",
    "1106271": "p0022",
    "1000476": "p0023",
    "1110793": "p0024",
    "1007667": "p0025",
}
PREFIX = "173-%"


@pytest.fixture(scope="module")
def store(nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The two nights, labels of a few codes, a retrain's map, and a night that was blocked."""
    store = copy(nights.store, tmp_path_factory.mktemp("cookbook") / "warehouse")
    ids = open_reader(store.warehouse).mappings("SELECT * FROM semantic_id_current ORDER BY item_id LIMIT 30")
    prefixes = sorted({prefix for row in ids for prefix in row["prefixes"]})
    store.append_rows([label(n, prefix) for n, prefix in enumerate(prefixes)], "code_label")
    store.append_rows([code_map(old, new) for old, new in ((1, 1), (2, 2), (3, 4))], "code_map")
    blocked = release_row(7, "nightly", 1, status="blocked", verdict="block", release_id=3, run_date=date(2026, 1, 7))
    store.append_rows([blocked], "release")
    checks = [failed_check(blocked["run_id"], version, value) for version, value in ((1, 1.51), (2, 9.0))]
    store.append_rows(checks, "drift_report")
    views.register(store)
    return store


@pytest.fixture(scope="module")
def reader(store: Store) -> Reader:
    return open_reader(store.warehouse)


def label(number: int, prefix: str) -> dict[str, Any]:
    return {
        "codebook_version": 1,
        "prefix": prefix,
        "level": prefix.count("-") + 1,
        "label": f"label {number}",
        "terms": [],
        "exemplars": [],
        "item_count": number + 1,
        "purity": 1 / (number + 1),
    }


def code_map(old: int, new: int) -> dict[str, Any]:
    codes = {"level": 1, "old_code": old, "new_code": new}
    return {"from_version": 1, "to_version": 2, **codes, "weight": 10, "purity": 0.8}


def failed_check(run: str, version: int, value: float) -> dict[str, Any]:
    row = {"run_id": run, "cohort": f"arrivals@v{version}", "metric": "quantization_error_ratio", "level": 0}
    row["value"] = value
    return {**row, "threshold_warn": 1.15, "threshold_block": 1.5, "status": "block", "note": "worse"}


def adapted(sql: str, reader: Reader) -> str:
    """Return a query of the page for the test's catalog."""
    for there, here in ITEMS.items():
        sql = sql.replace(f"'{there}'", f"'{here}'")
    (row,) = reader.mappings(
        "SELECT sid_prefix(semantic_id, 1) AS code FROM semantic_id_current WHERE item_id = 'p0005'"
    )
    return sql.replace(PREFIX, f"{row['code']}-%")


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.title)
def test_both_engines_give_the_same_rows(question: Question, store: Store, reader: Reader) -> None:
    """Columns and rows are equal, in order, and there is at least one row to compare."""
    sql = adapted(question.sql, reader)
    answer = reader.ask(sql)
    by_duckdb = list(answer.rows)
    found = store.spark.sql(sql)
    by_spark = [tuple(row) for row in found.collect()]
    assert tuple(found.columns) == answer.columns
    assert by_duckdb, "the catalog of this test gives the query nothing to show"
    assert by_spark == [pytest.approx(row, rel=1e-9) if has_float(row) else row for row in by_duckdb]


def has_float(row: tuple[Any, ...]) -> bool:
    return any(isinstance(value, float) for value in row)


def test_the_page_has_at_least_twenty_questions_each_with_an_answer() -> None:
    """No two headings are equal, every query is a question of its own and shows what it gave."""
    assert len(QUESTIONS) >= 20
    assert len({question.title for question in QUESTIONS}) == len(QUESTIONS)
    assert TEXT.count("```sql") == len(QUESTIONS)
    assert [question.title for question in QUESTIONS if not question.answer] == []


def test_every_name_that_the_page_replaces_is_on_it() -> None:
    """An item that the page no longer asks for leaves no line behind in this file."""
    assert [name for name in (*ITEMS, PREFIX) if f"'{name}'" not in TEXT] == []


def test_answers_are_written_where_they_belong() -> None:
    """Rewriting the page with its own answers changes nothing; a new answer replaces the one of its question only."""
    answers = {question.title: question.answer.strip("\n") for question in QUESTIONS}
    assert with_answers(TEXT, answers) == TEXT
    title = QUESTIONS[3].title
    changed = questions(with_answers(TEXT, {**answers, title: "n\n-\n7"}))
    assert [q.answer.strip() for q in changed] == [
        "n\n-\n7" if q.title == title else q.answer.strip() for q in QUESTIONS
    ]


def test_a_notebook_gets_the_same_rows_as_a_frame(reader: Reader) -> None:
    """`Reader.frame` answers as `ask` does, and refuses what it refuses."""
    sql = "SELECT item_id, sid_level(semantic_id, 1) AS code FROM semantic_id_current ORDER BY item_id"
    frame = reader.frame(sql)
    assert list(frame.columns) == ["item_id", "code"]
    assert list(frame.itertuples(index=False, name=None)) == list(reader.ask(sql).rows)
    with pytest.raises(views.ConfigError, match="only SELECT"):
        reader.frame("DELETE FROM semantic_id")


def test_drift_over_time_is_that_of_the_active_codebook(reader: Reader) -> None:
    """Nights of one codebook and a night with two, whose second one is not read by anybody yet."""
    (question,) = [question for question in QUESTIONS if question.title == "Drift over time"]
    rows = reader.mappings(question.sql)
    ratios = {str(row["run_date"]): row["value"] for row in rows if row["metric"] == "quantization_error_ratio"}
    assert set(ratios) == {"2026-01-05", "2026-01-06", "2026-01-07"}
    assert ratios["2026-01-07"] == 1.51


@pytest.mark.parametrize(
    ("title", "rows"),
    [
        ("What moved last night and why", [("added", 1, 0), ("content", 1, 1), ("removed", 1, 0)]),
        ("Items that left, and the ID they had", [("c", "3-4", None, date(2026, 1, 1))]),
        ("Churn per release and depth", [(3, NIGHT3, "nightly", 0, 1, 1, 3)]),
    ],
)
def test_a_second_served_codebook_is_not_counted(shadowed: Store, title: str, rows: list[tuple[Any, ...]]) -> None:
    """A night that serves two codebooks has each of its changes twice; the page speaks of the active one's."""
    codes = {"a": [1, 5], "d": [7, 7]}
    staged = [staged_row("n3", item, code, item.upper() * 2, NIGHT3) for item, code in codes.items()]
    both = [row | {"codebook_version": version} for row in staged for version in (1, 2)]
    night(shadowed, "n3", NIGHT3, {"a": "AA", "b": "B", "d": "DD"}, both, serving=(1, 2))
    (question,) = [question for question in QUESTIONS if question.title == title]
    assert list(open_reader(shadowed.warehouse).ask(question.sql).rows) == rows
