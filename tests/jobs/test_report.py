"""`semid report` on real tables: every number equals an independent count, hostile text stays text, honest when blocked."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from semid.cli import report
from semid.report.html import share
from tests import warehouse
from tests.nights import NIGHT1, NIGHT2, Nights
from tests.page import Page, number

pytestmark = pytest.mark.spark  # the tables are written by Spark; the report starts no JVM


@pytest.fixture(scope="module")
def history(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse with a history; only read."""
    return Path(warehouse.shared(spark, tmp_path_factory).warehouse)


@pytest.fixture
def copy(history: Path, tmp_path: Path) -> Path:
    """A copy to publish into."""
    return Path(shutil.copytree(history, tmp_path / "copy of it"))


@pytest.fixture(scope="module")
def written(nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of two real nights."""
    folder = tmp_path_factory.mktemp("pages")
    for release in ("1", "2"):
        flags = ["--warehouse", str(nights.warehouse), "--release", release, "--out", str(folder)]
        assert report.main(flags) == 0
    return folder


def page(folder: Path, name: str) -> Page:
    return Page((folder / name).read_text(encoding="utf-8"))


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    """Return a table's rows, read by delta-rs."""
    return list(DeltaTable(str(folder / table)).to_pyarrow_table().to_pylist())


def append(folder: Path, table: str, added: list[dict[str, Any]]) -> None:
    """Append rows without Spark."""
    target = DeltaTable(str(folder / table))
    plain = [{k: list(v.items()) if isinstance(v, dict) else v for k, v in row.items()} for row in added]
    write_deltalake(target, pa.Table.from_pylist(plain, schema=pa.schema(target.schema())), mode="append")


def valid_on(folder: Path, day: str) -> dict[str, dict[str, Any]]:
    """Return the IDs of a day by item."""
    on = date.fromisoformat(day)
    ids = rows(folder, "semantic_id")
    return {r["item_id"]: r for r in ids if r["valid_from"] <= on and (r["valid_to"] is None or r["valid_to"] > on)}


@pytest.mark.parametrize(("release", "day"), [(1, NIGHT1), (2, NIGHT2)])
def test_code_use_and_buckets_are_counted_right(nights: Nights, written: Path, release: int, day: str) -> None:
    """Codes in use, perplexity, every rank shown, and the buckets by size, as items and as distinct contents."""
    ids, shown = valid_on(nights.warehouse, day).values(), page(written, f"release-{release}.html")
    contents = {(r["content_hash"], tuple(r["codes"])) for r in ids}
    sides = [[tuple(r["codes"]) for r in ids], [codes for _, codes in contents]]
    sizes = [Counter(Counter(codes).values()) for codes in sides]
    _, *body = shown.tables["Collisions: buckets by size"]
    assert [[int(number(cell)) for cell in row] for row in body] == [
        [size, sizes[0][size], sizes[1][size]] for size in sorted(sizes[0] | sizes[1])
    ]
    for level, size in enumerate((16, 16, 8), 1):
        counts = [Counter(codes[level - 1] for codes in side) for side in sides]
        table = {
            row[0]: [number(cell) for cell in row[1:]]
            for row in shown.tables[f"Level {level}: use of its {size} codes"][1:]
        }
        assert table["codes in use"] == [len(count) for count in counts]
        entropy = [-sum(n / count.total() * math.log(n / count.total()) for n in count.values()) for count in counts]
        assert table["perplexity"] == pytest.approx([math.exp(h) for h in entropy], rel=1e-3)
        ranked = [[n for _, n in count.most_common()] + [0] * (size - len(count)) for count in counts]
        ranks = {int(name[5:].replace(",", "")): cells for name, cells in table.items() if name.startswith("rank")}
        assert ranks == {rank: [one[rank - 1] for one in ranked] for rank in ranks}
        assert {1, size} <= ranks.keys()


def test_great_expectations_pages_are_linked(nights: Nights, written: Path) -> None:
    """Both suites of the release's own run, relative to the page; the release before has its own."""
    linked = []
    for release in (1, 2):
        tags = page(written, f"release-{release}.html").tags
        links = [unquote(given["href"]) for name, given in tags if name == "a" and "_data_docs" in given["href"]]
        assert all((written / link).is_file() for link in links)
        linked.append({link.split("/validations/")[1].split("/")[0] for link in links})
        run_id = nights.store.read("release").where(f"release_id = {release}").collect()[0].run_id
        assert all(f"/{run_id}/" in link for link in links)
    assert linked == [{"staged_rows_v1", "counted_facts_v1"}] * 2


def test_churn_and_examples_are_counted_right(nights: Nights, written: Path) -> None:
    """Compared on the ID table itself, day against day, not on the ledger that the report reads."""
    before, after = (valid_on(nights.warehouse, day) for day in (NIGHT1, NIGHT2))
    both = [(before[item], after[item]) for item in before.keys() & after.keys()]
    cohorts = [
        [pair for pair in both if (pair[0]["content_hash"] != pair[1]["content_hash"]) is edited]
        for edited in (True, False)
    ]
    shown = page(written, "release-2.html")
    table = {row[0]: row[1:] for row in shown.tables["Churn by depth"][1:]}
    for depth in (1, 2, 3):
        moved = [sum(old["codes"][:depth] != new["codes"][:depth] for old, new in cohort) for cohort in cohorts]
        assert [number(table[f"depth {depth}"][i]) for i in (0, 2)] == moved
    moved = [sum(old["semantic_id"] != new["semantic_id"] for old, new in cohort) for cohort in cohorts]
    assert [number(table["whole ID"][i]) for i in (0, 2)] == moved
    assert moved[1] == 0
    assert table["whole ID"][1] == share(moved[0], len(cohorts[0]))
    assert f"{len(cohorts[0])} survivors were edited, {len(cohorts[1]):,} were not." in shown.text
    examples = [row for caption, rows in shown.tables.items() if "moved furthest" in caption for row in rows[1:]]
    titles = {row["item_id"]: row["title"] for row in rows(nights.warehouse, "item_catalog")}
    moved_items = {old["item_id"]: _equal(old, new) for old, new in both if old["semantic_id"] != new["semantic_id"]}
    assert [int(example[4]) for example in examples] == sorted(moved_items.values())[:10]
    for item, title, old, new, equal, why in examples:
        assert (old, new) == (before[item]["semantic_id"], after[item]["semantic_id"])
        assert (title, why, int(equal)) == (titles[item], "its text was edited", moved_items[item])


def _equal(old: dict[str, Any], new: dict[str, Any]) -> int:
    """Return the number of equal leading codes."""
    pairs = [*zip(old["codes"], new["codes"], strict=True), (0, 1)]
    return next(i for i, (a, b) in enumerate(pairs) if a != b)


def test_the_checks_are_those_of_the_run(nights: Nights, written: Path) -> None:
    """Every row of drift_report, each with its value; the history has the error ratio of both nights."""
    releases = {row["release_id"]: row for row in rows(nights.warehouse, "release")}
    checks = [row for row in rows(nights.warehouse, "drift_report") if row["run_id"] == releases[2]["run_id"]]
    shown = page(written, "release-2.html").tables["Every check of the run"][1:]
    assert Counter((row[0], row[1]) for row in shown) == Counter((c["status"], _named(c)) for c in checks)
    values = {row[1]: row[2] for row in shown}
    for check in checks:
        cell = values[_named(check)]
        assert (cell == "") if check["value"] is None else number(cell) == pytest.approx(check["value"], rel=1e-3)
    ratios = page(written, "index.html").tables["Quantization error of the arrivals"][1:]
    by_run = {
        r["run_id"]: r["value"]
        for r in rows(nights.warehouse, "drift_report")
        if r["metric"] == "quantization_error_ratio"
    }
    expected = [by_run[releases[n]["run_id"]] for n in (2, 1)]
    assert [number(row[1]) for row in ratios] == pytest.approx(expected, rel=1e-3)


def _named(check: dict[str, Any]) -> str:
    return f"{check['cohort']}: {check['metric']}" + (f", level {check['level']}" if check["level"] else "")


def test_the_counts_are_those_of_the_releases(nights: Nights, written: Path) -> None:
    """Per release and in the tiles: added, changed, removed, quarantined, items."""
    counts = {row["release_id"]: dict(row["counts"]) for row in rows(nights.warehouse, "release")}
    names = ("added", "changed", "removed", "quarantined", "items")
    shown = page(written, "index.html").tables["Items added, changed, removed; rows quarantined"][1:]
    assert [[int(number(c)) for c in row[1:]] for row in shown] == [[counts[n][name] for name in names] for n in (2, 1)]
    text = page(written, "release-2.html").text
    assert all(f"{name}{counts[2][name]:,}" in text for name in names)


def test_pages_load_nothing_and_link_what_is_there(nights: Nights, written: Path) -> None:
    """Self-contained, each plot with its table; writing a page again gives the same bytes."""
    files = sorted(path.name for path in written.iterdir())
    assert files == ["index.html", "release-1.html", "release-2.html"]
    for name in files:
        shown = page(written, name)
        shown.check_self_contained()
        assert set(shown.plots) <= set(shown.tables)
        links = {a["href"] for tag, a in shown.tags if tag == "a"}
        assert {link for link in links if "_data_docs" not in link} <= set(files)
    before = (written / "release-2.html").read_bytes()
    assert report.main(["--warehouse", str(nights.warehouse), "--out", str(written)]) == 0
    assert (written / "release-2.html").read_bytes() == before
    assert "there was no ID before it" in page(written, "release-1.html").text


def test_a_blocked_release_has_a_page(history: Path, tmp_path: Path) -> None:
    """What stopped it, what readers still see, and their codes; nothing is said to have moved."""
    assert report.main(["--warehouse", str(history), "--release", "4", "--out", str(tmp_path)]) == 0
    shown = page(tmp_path, "release-4.html")
    shown.check_self_contained()
    for words in (
        "Blocked: nothing was published",
        "1 check of 2 stopped the release. Readers still see release 3 of 2026-01-03.",
        "arrivals: error_ratio = 1.5 (warns at 1.15, blocks at 1.3; arrivals fit worse)",
        "Next: look at the arrivals",
        "Nothing was published, so no ID changed.",
        "The published IDs of release 3.",
    ):
        assert words in shown.text
    assert shown.tables["Collisions: buckets by size"][1:] == [["1", "1", "1"], ["2", "1", "1"]]


def test_the_newest_release_is_the_default(history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rollback here; the codes are those of the codebook that is active again, and a run that did not end is named."""
    assert report.main(["--warehouse", str(history), "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "release-5.html"), str(tmp_path / "index.html")]
    shown, index = page(tmp_path, "release-5.html"), page(tmp_path, "index.html")
    assert "Rolled back" in shown.text
    assert [row[:2] for row in shown.tables["Level 1: use of its 16 codes"][1:3]] == [
        ["codes in use", "3"],
        ["perplexity", "3"],
    ]
    assert "The newest run has not ended: it still runs, or was killed: nightly-6, nightly of 2026-01-06." in index.text
    assert [row[0] for row in index.tables["Every release, newest first"][1:]] == ["5", "4", "3", "2", "1"]


def test_pages_stand_in_the_warehouse_unless_told_otherwise(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The folder report; it is no table, so that the warehouse reads as before."""
    assert report.main(["--warehouse", str(copy)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(copy / "report" / "release-5.html")
    assert report.main(["--warehouse", str(copy)]) == 0
    assert sorted(path.name for path in (copy / "report").iterdir()) == ["index.html", "release-5.html"]


def test_hostile_items_stay_text(copy: Path, tmp_path: Path) -> None:
    """Title and id of a moved item with tags, quotes and control characters, from the catalog to the page."""
    item, title = "<b onclick='x'>\"", "</td><script>alert(1)</script>\x1b[31m\u202e&lt;"
    catalog = rows(copy, "item_catalog")[0]
    append(copy, "item_catalog", [{**catalog, "item_id": item, "title": title}])
    change = {
        "codebook_version": 1,
        "from_version": 1,
        "to_version": 1,
        "old_semantic_id": "5-1-2",
        "new_semantic_id": "5-1-9",
    }
    append(
        copy,
        "semantic_id_change",
        [{**change, "release_id": 6, "item_id": item, "common_prefix": 2, "reason": "content"}],
    )
    append(copy, "release", [warehouse.release_row(6, "nightly", 1)])
    assert report.main(["--warehouse", str(copy), "--out", str(tmp_path)]) == 0
    shown = page(tmp_path, "release-6.html")
    shown.check_self_contained()
    (examples,) = [rows for caption, rows in shown.tables.items() if "moved furthest" in caption]
    assert examples[1][:2] == [item, title.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")]
    assert shown.tables["Churn by depth"][3] == ["depth 3", "1", "100 %", "0", "0 %"]


def test_a_new_codebook_is_compared_with_the_one_before(copy: Path, tmp_path: Path) -> None:
    """Moved by the codebook, kept, and edited items; a version that is only served beside it does not count."""
    moves = [
        (2, "a", "5-1-2", "5-1-7", 2, "codebook"),
        (2, "c", "7-4-4", "7-4-4", 3, "kept"),
        (2, "d", "12-0-9", "3-0-9", 0, "content"),
        (1, "d", "12-0-9", "12-1-1", 1, "content"),
    ]
    names = ("codebook_version", "item_id", "old_semantic_id", "new_semantic_id", "common_prefix", "reason")
    changes = [
        dict(zip(names, move, strict=True)) | {"release_id": 6, "from_version": 1, "to_version": 2} for move in moves
    ]
    append(copy, "semantic_id_change", changes)
    counts = {"added": 0, "changed": 2, "removed": 0, "unchanged": 1, "items": 3, "quarantined": 0}
    append(copy, "release", [warehouse.release_row(6, "retrain", 2, counts=counts)])
    assert report.main(["--warehouse", str(copy), "--out", str(tmp_path)]) == 0
    shown = page(tmp_path, "release-6.html")
    assert shown.tables["Churn by depth"][1:] == [
        ["depth 1", "1", "100 %", "0", "0 %"],
        ["depth 2", "1", "100 %", "0", "0 %"],
        ["depth 3", "1", "100 %", "1", "50 %"],
        ["whole ID", "1", "100 %", "1", "50 %"],
    ]
    (examples,) = [rows for caption, rows in shown.tables.items() if "moved furthest" in caption]
    assert [(row[0], row[5]) for row in examples[1:]] == [("d", "its text was edited"), ("a", "the codebook changed")]


def test_a_replaced_release_says_so(copy: Path, tmp_path: Path) -> None:
    """Two releases on one day share its rows: the page of the earlier one does not pretend to know its own."""
    append(copy, "release", [warehouse.release_row(6, "nightly", 1, run_date=warehouse.day(5))])
    for release, replaced in (("5", True), ("6", False), ("3", False)):
        assert report.main(["--warehouse", str(copy), "--out", str(tmp_path), "--release", release]) == 0
        shown = page(tmp_path, f"release-{release}.html")
        assert ("A later release of the same day replaced some of them" in shown.text) is replaced


def _problems(folder: Path, tmp_path: Path) -> Iterator[tuple[list[str], int, str]]:
    (tmp_path / "file").write_text("")
    yield ["--release", "9"], 2, "releases are 1 to 5"
    yield ["--out", str(tmp_path / "file" / "pages")], 7, "--out FOLDER"
    for table in ("release", "run"):
        DeltaTable(str(folder / table)).restore(0)
    yield [], 2, "there is no release yet"


def test_what_cannot_be_written_says_why(copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown release, a folder that cannot be, a warehouse without a release: exit code and next step."""
    for flags, code, says in _problems(copy, tmp_path):
        assert report.main(["--warehouse", str(copy), *flags]) == code
        captured = capsys.readouterr()
        assert says in captured.err
        assert "next:" in captured.err
        assert captured.out == ""
