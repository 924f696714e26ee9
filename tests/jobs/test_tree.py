"""`semid tree` and what reads labels, on tables that no JVM has written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from semid.cli import tree
from semid.cli.reader import width
from semid.report.pages import release_page
from semid.tables.label_facts import Ids, code_tree, labelled_codes
from semid.tables.query import open_reader
from tests import labelled
from tests.page import Page
from tests.report_facts import facts, night


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return labelled.build(tmp_path_factory.mktemp("labelled"))


def told(capsys: pytest.CaptureFixture[str], folder: str, *flags: str) -> list[str]:
    assert tree.main(["--warehouse", folder, *flags]) == 0
    return capsys.readouterr().out.splitlines()


def test_the_tree_is_printed(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Most items first, children below, what has no label as a count, control characters as text, 100 columns."""
    lines = told(capsys, folder, "--depth", "2")
    assert lines[0] == "codebook 1: 9 items"
    assert lines[2].split() == ["PREFIX", "ITEMS", "PURITY", "LABEL", "EXAMPLE"]
    assert [line.split()[0] for line in lines[3:]] == ["4", "4-0", "and", "5", "2", "and"]
    assert lines[5] == "  and 1 more with 1 item, 1 of them without a label"
    assert lines[7] == "  2 prefixes with 2 items, none with a label"
    assert lines[3].split()[1:3] == ["3", "0.75"]
    assert lines[3].endswith("Green tea")
    assert lines[6].split() == ["5", "2", "soap", "e"]  # no purity; an item without a title is shown by its id
    assert max(map(width, lines)) <= 100


def test_below_a_prefix(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The prefix itself, then its children, also for a prefix that has no label of its own."""
    assert [line.split()[0] for line in told(capsys, folder, "--prefix", "4")[3:]] == ["4", "4-0", "and"]
    assert told(capsys, folder, "--prefix", "10")[3].split()[:4] == ["10", "4", "(no", "label)"]


def test_the_rest_is_counted(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--top leaves out labelled ones too, never for one without a label; their items add up to all."""
    lines = told(capsys, folder, "--top", "1")
    assert lines[3].split()[0] == "4"
    assert lines[4:] == ["and 2 more with 6 items, 1 of them without a label"]


def test_labels_are_carried_by_code_map(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A version without labels shows those of first codes that hold at least 0.7 of it, with its own item counts."""
    lines = told(capsys, folder, "--version", "2")
    assert "labels of codebook 1, carried" in lines[1]
    assert [line.split()[:2] for line in lines[5:7]] == [["7", "3"], ["8", "1"]]
    assert lines[7:] == ["and 1 more with 2 items, 1 of them without a label"]


def test_own_labels_end_carrying(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A single label of its own, and nothing is carried to that version any more."""
    from deltalake import DeltaTable, write_deltalake

    folder = labelled.build(tmp_path)
    table = DeltaTable(f"{folder}/code_label").to_pyarrow_table().slice(1, 1)
    columns = {name: table.column(name) for name in table.column_names}
    columns["codebook_version"] = columns["codebook_version"].combine_chunks().cast("int32")
    own = table.set_column(0, "codebook_version", [[2]]).set_column(1, "prefix", [["9"]])
    write_deltalake(f"{folder}/code_label", own.cast(table.schema), mode="append")
    lines = told(capsys, folder, "--version", "2")
    assert lines[3].split()[:2] == ["9", "2"]
    assert lines[4:] == ["and 2 more with 4 items, 2 of them without a label"]


def test_no_labels_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A warehouse from before labels has not even the tables: the command that makes them is named."""
    folder = labelled.build(tmp_path, labelled=False)
    head, message = told(capsys, folder)
    assert head == "codebook 1: 9 items"
    assert message == f"no code has a label yet: semid label-codes --version 1 --warehouse {folder}"
    assert labelled_codes(open_reader(folder), Ids(1)) is None


@pytest.mark.parametrize(
    "flags",
    [["--version", "3"], ["--prefix", "99"], ["--prefix", "4-x"], ["--prefix", "4' OR '1"], ["--depth", "0"], ["--top", "0"]],
)  # fmt: skip
def test_wrong_flags(folder: str, flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and the value that is wrong."""
    assert tree.main(["--warehouse", folder, *flags]) == 2
    assert flags[0] in capsys.readouterr().err


def test_every_item_is_counted_once(folder: str) -> None:
    """At every level the shown branches and the rest add up to the parent's items."""
    for version in (1, 2):
        found = code_tree(open_reader(folder), Ids(version), [2, 1])
        level = [(found.items, found.family), *((branch.items, branch.below) for branch in found.family.shown)]
        assert [sum(b.items for b in family.shown) + family.items for _, family in level] == [n for n, _ in level]


def test_the_ids_of_a_day(folder: str) -> None:
    """The day before the release its one removed item; on its day all others."""
    reader = open_reader(folder)
    assert code_tree(reader, Ids(1, "2025-12-31"), [5]).items == 1
    assert code_tree(reader, Ids(1, "2026-01-01"), [5]).items == 9


def test_the_tree_of_a_warehouse_with_hostile_titles(folder: str) -> None:
    """From the tables to the page: every label, example and count is there, and a script tag is text."""
    found = labelled_codes(open_reader(folder), Ids(1, "2026-01-01"))
    made = Page(release_page(replace(facts(night(1)), codes=found), 1.3, set()))
    made.check_self_contained()
    assert f"tea, {labelled.HOSTILE}" in made.text
    assert f"Typical: Green tea · {labelled.HOSTILE}" in made.text
    assert "<script" not in made.source
    assert "Words: tea, leaf" in made.text
    assert "and 1 more with 4 items, 1 of them without a label" in made.text
    assert [name for name, _ in made.tags].count("details") == len(labelled.LABELS)
    assert "purity 0.75" in made.text


def test_a_map_from_tables_is_the_same_every_time(folder: str) -> None:
    """The map is laid out by the vectors alone."""
    reader = open_reader(folder)
    first, second = (labelled_codes(reader, Ids(1)) for _ in range(2))
    assert first == replace(second, map=first.map)
    assert first.map.codes == ("4", "4", "4", "5", "5", "10", "10", "10", "10")
    np.testing.assert_array_equal(first.map.places, second.map.places)
