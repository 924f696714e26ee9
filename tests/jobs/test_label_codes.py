"""`semid label-codes` on a small warehouse, a labeller from outside, and the labels as both engines show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from semid.cli import tree
from semid.cli.job import run_job
from semid.jobs.label_codes import JOB
from semid.tables import views
from semid.tables.query import open_reader
from semid.tables.store import Store
from tests.small_nights import NIGHT1, copy, night, staged_row

pytestmark = pytest.mark.spark

TITLES = {f"tea{n}": f"Green tea no {n}" for n in range(6)} | {f"soap{n}": "Soap" for n in range(5)} | {"odd": "Thing"}
CODES = {name: [1, 0] if name.startswith("tea") else [2, 0] if name.startswith("soap") else [3, 1] for name in TITLES}


def category(item: str) -> list[str]:
    """Return wash for soap and for the first tea, drink for the other teas."""
    return ["wash"] if item == "tea0" or item.startswith("soap") else ["drink"] if item.startswith("tea") else ["other"]


@pytest.fixture(scope="module")
def opened(empty_warehouse: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Six teas, five soaps and an odd thing, published under codebook 1."""
    store = copy(empty_warehouse, tmp_path_factory.mktemp("opened") / "warehouse")
    staged, index = [], dict.fromkeys(("tea", "soap", "odd"), -1)
    for name, codes in CODES.items():
        kind = name.rstrip("0123456789")
        index[kind] += 1
        staged.append(staged_row("n1", name, codes, f"h-{name}", NIGHT1, index[kind]))
    night(store, "n1", NIGHT1, {name: f"h-{name}" for name in TITLES}, staged)
    rows = [
        {**r.asDict(), "title": TITLES[r.item_id], "category": category(r.item_id)}
        for r in store.read("item_catalog").collect()
    ]
    store.replace_where(store.frame(rows, "item_catalog"), "item_catalog", "true")
    vector = {
        "model": "m",
        "dim": 2,
        "run_id": "n1",
        "embedded_at": store.spark.sql("SELECT current_timestamp()").first()[0],
    }
    vectors = [
        {**vector, "content_hash": f"h-{name}", "embedding": [float(n), 1.0]} for n, name in enumerate(sorted(TITLES))
    ]
    store.append_rows(vectors, "item_embedding")
    store.append_rows([_codebook()], "codebook")
    return store


@pytest.fixture
def shop(opened: Store, tmp_path: Path) -> Store:
    """The shop, to be changed."""
    return copy(opened, tmp_path / "warehouse")


def _codebook() -> dict[str, Any]:
    from tests.warehouse import _codebook as row

    return {**row(1), "model": "m"}


def label(store: Store, *flags: str) -> int:
    return run_job(JOB, ["--warehouse", store.warehouse, "--run-date", "2026-01-01", *flags])


def labels(store: Store) -> dict[str, Any]:
    return {row.prefix: row for row in store.read("code_label").where("codebook_version = 1").collect()}


def test_codes_are_named(shop: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Label, terms, exemplar, size and purity per prefix with five items; again in one commit, another version untouched."""
    other = {"codebook_version": 2, "prefix": "9", "level": 1, "terms": [], "exemplars": [], "item_count": 7}
    shop.append_rows([other], "code_label")
    before = shop.version("code_label")
    assert label(shop) == 0
    found = labels(shop)
    assert set(found) == {"1", "1-0", "2", "2-0"}
    assert (found["1"].label, found["1"].item_count, found["1"].purity) == ("green tea, drink", 6, 5 / 6)
    assert [term.term for term in found["2"].terms] == ["soap", "wash"]
    assert found["1"].exemplars[:2] == ["tea2", "tea3"]
    assert shop.version("code_label") == before + 1
    assert shop.read("code_label").where("codebook_version = 2").count() == 1
    assert tree.main(["--warehouse", shop.warehouse]) == 0
    assert "green tea" in capsys.readouterr().out

    assert label(shop) == 0  # the same again: nothing to do
    assert shop.version("code_label") == before + 1
    assert label(shop, "--set", "labels.min_items=6", "--set", "labels.terms=1") == 0
    assert set(labels(shop)) == {"1", "1-0"}
    assert shop.version("code_label") == before + 2


def test_a_labeller_is_asked_once(shop: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Per question, over runs; '' keeps the label made of terms; a prefix with the same terms and samples is the same question."""
    asked = tmp_path / "asked"
    monkeypatch.setenv("SEMID_TEST_ASKED", str(asked))
    flags = ("--set", "labels.labeller=tests.labellers:shouting")
    shop.spark.sparkContext.environment["SEMID_TEST_ASKED"] = str(asked)
    try:
        assert label(shop, *flags) == 0
        lines = asked.read_text().splitlines()
        assert {prefix: row.label for prefix, row in labels(shop).items()} == {
            "1": "GREEN TEA",
            "1-0": "GREEN TEA",
            "2": "soap, wash",
            "2-0": "soap, wash",
        }
        assert len(lines) == len(set(lines)) == shop.read("code_label_answer").count() == 2
        assert sorted(line.split(" / ")[0] for line in lines) == ["green tea|drink", "soap|wash"]
        assert label(shop, *flags, "--set", "labels.min_items=6") == 0
        assert asked.read_text().splitlines() == lines
    finally:
        shop.spark.sparkContext.environment.pop("SEMID_TEST_ASKED")


def test_a_labeller_that_is_not_there(shop: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 with its name, and no label is written."""
    assert label(shop, "--set", "labels.labeller=tests.labellers:nobody") == 2
    assert "tests.labellers:nobody" in capsys.readouterr().err
    assert labels(shop) == {}


@pytest.mark.parametrize("flags", [[], ["--version", "1"]])
def test_nothing_published(store: Store, flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 before the first release."""
    assert label(store, *flags) == 2
    assert "nothing is published yet" in capsys.readouterr().err


def test_an_unknown_version(shop: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, naming those that have IDs."""
    assert label(shop, "--version", "7") == 2
    assert "versions with IDs: 1" in capsys.readouterr().err


def test_both_engines_carry_labels_alike(shop: Store) -> None:
    """Through code_map at level 1 from a purity of 0.7 on, until the version has a label of its own."""
    assert label(shop) == 0
    pairs = [(1, 1, 4, 0.9), (1, 2, 5, 0.7), (1, 2, 6, 0.69), (2, 1, 8, 1.0)]
    names = ("level", "old_code", "new_code", "purity")
    rows = [{"from_version": 1, "to_version": 2, "weight": 1, **dict(zip(names, pair, strict=True))} for pair in pairs]
    shop.append_rows(rows, "code_map")
    sql = "SELECT codebook_version, prefix, label, labelled_version FROM code_label_effective ORDER BY 1, 2"
    carried = [(2, "4", "green tea, drink", 1), (2, "5", "soap, wash", 1)]
    assert _shown(shop, sql)[-2:] == carried
    own = {
        "codebook_version": 2,
        "prefix": "6",
        "level": 1,
        "label": "own",
        "terms": [],
        "exemplars": [],
        "item_count": 7,
    }
    shop.append_rows([own], "code_label")
    assert _shown(shop, sql)[4:] == [(2, "6", "own", 2)]


def _shown(store: Store, sql: str) -> list[tuple[Any, ...]]:
    views.register(store)
    by_spark = [tuple(row) for row in store.spark.sql(sql).collect()]
    assert by_spark == list(open_reader(store.warehouse).ask(sql).rows)
    return by_spark
