"""docs/tables.md is what schemas/ says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from semid.tables import document

ROOT = Path(__file__).parents[2]
SCHEMAS = sorted((ROOT / "schemas").glob("*.sql"), key=lambda file: file.stem)


def test_page_is_up_to_date() -> None:
    """The page in docs/ is the one that the schemas make; rebuild: python -m semid.tables.document docs/tables.md."""
    assert (ROOT / "docs" / "tables.md").read_text(encoding="utf-8") == document.render()


@pytest.mark.parametrize("file", SCHEMAS, ids=lambda file: file.stem)
def test_every_column_is_on_the_page(file: Path) -> None:
    """No column of a schema file is lost on the way, each has a meaning, and the key is made of columns."""
    declared = re.findall(r"^  (\w+) [A-Z]", file.read_text(encoding="utf-8"), re.MULTILINE)
    section = document.render().split(f"\n## {file.stem}\n")[1].split("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    assert [row[0].removeprefix("| ") for row in rows] == declared
    assert all(row[-1].removesuffix(" |").strip() for row in rows)
    assert set(document.KEYS[file.stem]) <= set(declared)


def test_no_key_without_a_table() -> None:
    """A table that is gone leaves no key behind."""
    assert set(document.KEYS) == {file.stem for file in SCHEMAS}


@pytest.mark.parametrize(
    "name",
    ["semantic_id_current", "code_label_effective", "semantic_id_as_of", "sid_prefix", "sid_overlap", "sid_level"],
)
def test_views_and_functions_are_on_the_page(name: str) -> None:
    """What analysts call is described, and both engines declare it."""
    assert f"`{name}" in document.render()
    for engine in ("spark", "duckdb"):
        text = "".join((ROOT / "schemas" / "views" / f"{file}.sql").read_text() for file in ("views", "labels", engine))
        assert len(re.findall(rf"(VIEW|FUNCTION|MACRO) {name}\b", text)) == 1
