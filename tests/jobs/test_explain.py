"""`semid explain` on real tables: what is shown equals what the tables and the codebook say, for every state of an item."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from semid.cli import explain
from semid.quantize.codebook import from_bytes
from semid.tables import artifact, item_facts
from tests import warehouse
from tests.nights import Nights

pytestmark = pytest.mark.spark  # the tables are written by Spark; explaining starts no JVM


@pytest.fixture(scope="module")
def history(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse with a history; only read."""
    return Path(warehouse.shared(spark, tmp_path_factory).warehouse)


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    """Return a table's rows, read by delta-rs."""
    return list(DeltaTable(str(folder / table)).to_pyarrow_table().to_pylist())


def told(folder: Path, item: str, capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """Return the lines that explain an item, by the first word of their section."""
    assert explain.main(["--warehouse", str(folder), item]) == 0
    sections = capsys.readouterr().out.rstrip("\n").split("\n\n")
    return {re.split(r"[ :,]", section, maxsplit=1)[0]: section.splitlines() for section in sections}


def _head(told_of: dict[str, list[str]]) -> str:
    """Return the section on the item as one line; long values are wrapped."""
    return " ".join(" ".join(told_of["item"]).split())


def cells(line: str) -> list[str]:
    return re.split(r" {2,}", line.strip())


def test_an_edited_item(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    """Its text now, both IDs with the reason, and the rest of its bucket."""
    (change, *_) = [r for r in rows(nights.warehouse, "semantic_id_change") if r["reason"] == "content"]
    item = next(r for r in rows(nights.warehouse, "item_catalog") if r["item_id"] == change["item_id"])
    told_of = told(nights.warehouse, item["item_id"], capsys)
    head = _head(told_of)
    assert f"{item['item_id']} (active, in the catalog since 2026-01-05)" in head
    assert item["title"] in head
    assert item["content_hash"] in head
    assert f"id {change['new_semantic_id']} since 2026-01-06 (release 2)" in head
    first, second = (cells(line) for line in told_of["HISTORY"][3:])
    assert [first[i] for i in (0, 1, 3, 5)] == ["1", "2026-01-05", change["old_semantic_id"], "added"]
    assert second[3:7] == [
        change["old_semantic_id"],
        change["new_semantic_id"],
        str(change["common_prefix"]),
        "content",
    ]


def test_codes_and_margins_are_those_of_the_codebook(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    """Level 1 against the encoder and all centroids; the error is the one that is stored."""
    (book,) = rows(nights.warehouse, "codebook")
    codebook = from_bytes(book["artifact"])
    vectors = {r["content_hash"]: r["embedding"] for r in rows(nights.warehouse, "item_embedding")}
    for row in [r for r in rows(nights.warehouse, "semantic_id") if r["valid_to"] is None][::60]:
        section = told(nights.warehouse, row["item_id"], capsys)["CODES"]
        table = [cells(line) for line in section[3:-1]]
        latent = codebook.encoder(np.array([vectors[row["content_hash"]]], np.float32))  # type: ignore[attr-defined]
        distances = np.linalg.norm(latent - codebook.centroids[0], axis=1)
        best, second = np.argsort(distances)[:2]
        assert [int(line[1]) for line in table] == row["codes"]
        assert [int(table[0][i]) for i in (1, 3)] == [best, second]
        measured = [float(table[0][i]) for i in (2, 4, 5)]
        expected = [distances[best], distances[second], 1 - distances[best] / distances[second]]
        assert measured == pytest.approx(expected, abs=1e-3)
        # these nights have a capacity of 1: the last code may be the next best, and then says so
        assert all(float(line[5]) >= 0 for line in table[:-1])
        assert ("another code is nearer" in section[-2]) == (float(table[-1][5]) < 0)
        assert f"reconstruction: {row['quantization_error']:.4}"[:-1] in section[-1]


def test_bucket_and_neighbours(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    """Who shares all codes, and the nearest by cosine of those with the longest prefix that has five other texts."""
    current = [r for r in rows(nights.warehouse, "semantic_id") if r["valid_to"] is None]
    vectors = {r["content_hash"]: np.array(r["embedding"]) for r in rows(nights.warehouse, "item_embedding")}
    for row in current[::75]:
        told_of = told(nights.warehouse, row["item_id"], capsys)
        bucket = [r for r in current if r["codes"] == row["codes"]]
        title = told_of["BUCKET"][0]
        assert f"{len(bucket)} item" in title
        assert f"{len({r['content_hash'] for r in bucket})} text" in title
        near = {
            depth: {
                r["content_hash"]: r
                for r in current
                if r["codes"][:depth] == row["codes"][:depth] and r["content_hash"] != row["content_hash"]
            }
            for depth in (1, 2, 3)
        }
        depth = max([d for d in near if len(near[d]) >= item_facts.FEW], default=1)
        if not near[depth]:
            assert "no other text" in told_of["NEIGHBOURS"][0]
            continue
        assert told_of["NEIGHBOURS"][0].endswith(
            f"nearest of {len(near[depth])} other texts with the prefix {row['prefixes'][depth - 1]}"
        )
        cosines = sorted((float(vectors[row["content_hash"]] @ vectors[h]) for h in near[depth]), reverse=True)
        shown = [float(cells(line)[0]) for line in told_of["NEIGHBOURS"][3:]]
        assert shown == pytest.approx(cosines[: len(shown)], abs=1e-4)
        assert len(shown) == min(len(cosines), 8)


def test_a_removed_item(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    """Its last ID with its end, and why it went; the codes can still be looked at."""
    gone = next(r for r in rows(nights.warehouse, "semantic_id_change") if r["reason"] == "removed")
    told_of = told(nights.warehouse, gone["item_id"], capsys)
    head = _head(told_of)
    assert "(removed on 2026-01-06, in the catalog since 2026-01-05)" in head
    assert (
        f"{gone['old_semantic_id']} since 2026-01-05 until 2026-01-06 (release 1), which readers do not see now" in head
    )
    assert "removed" in told_of["HISTORY"][-1]
    assert "CODES" in told_of


def test_an_item_that_was_only_quarantined(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    """No ID, no text, but every reason and the row as it came."""
    told_of = told(nights.warehouse, "x1", capsys)
    assert told_of["item"] == ["item       x1 (never taken: every row of it was set aside)"]
    assert "no_text" in told_of["QUARANTINE"][-1]
    assert set(told_of) == {"item", "QUARANTINE"}


def test_an_item_without_an_id_yet(nights: Nights, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ingested, but not yet embedded or published; an edited one says that its ID is of an earlier text."""
    copy = Path(shutil.copytree(nights.warehouse, tmp_path / "copy"))
    item = next(r for r in rows(copy, "item_catalog") if r["item_id"] == "p0100")
    table = DeltaTable(str(copy / "item_catalog"))
    table.delete("item_id = 'p0100'")
    new = [{**item, "item_id": "new"}, {**item, "content_hash": "of another text"}]
    new = [{k: list(v.items()) if isinstance(v, dict) else v for k, v in row.items()} for row in new]
    write_deltalake(table, pa.Table.from_pylist(new, schema=pa.schema(table.schema())), mode="append")
    told_of = told(copy, "new", capsys)
    assert "no current ID yet: the next release gives it one" in _head(told_of)
    assert set(told_of) == {"item"}
    assert "given to an earlier text" in _head(told(copy, "p0100", capsys))


def test_an_unknown_item_is_refused_with_close_ones(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    """A slip of a letter or of the case, a semantic ID instead of an item, quotes and controls: exit 2, no crash."""
    row = next(r for r in rows(nights.warehouse, "semantic_id") if r["valid_to"] is None)
    for item, says in (
        ("P0100", "there is an item p0100"),
        ("p01000", "there is an item p0100"),
        (row["semantic_id"], f"the semantic ID of item {row['item_id']}"),
        ("'; DROP TABLE release; --", "there is no item '; DROP TABLE release; --"),
        ("{item}", "there is no item {item}"),
        ("nothing like it\x1b[31m", "nothing like it\\x1b[31m"),
    ):
        assert explain.main(["--warehouse", str(nights.warehouse), item]) == 2
        captured = capsys.readouterr()
        assert says in captured.err
        assert "next:" in captured.err
        assert captured.out == ""


def test_history_over_codebooks(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows of every codebook version; the one that readers see is explained, also without a vector."""
    told_of = told(history, "c", capsys)
    head = _head(told_of)
    assert "id 7-4-4 since 2026-01-02 (release 2)" in head
    assert "not stored: distances, margins and neighbours cannot be shown" in head
    assert [cells(line)[:3] for line in told_of["HISTORY"][3:]] == [
        ["1", "2026-01-01", "1"],
        ["2", "2026-01-02", "1"],
        ["3", "2026-01-03", "2"],
    ]


def test_control_characters_of_a_title_are_escaped(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A title cannot colour the terminal or forge a line."""
    assert explain.main(["--warehouse", str(history), "i1"]) == 0
    out = capsys.readouterr().out
    assert r"tea\x1b[31m" in out
    assert "\x1b" not in out


def test_a_damaged_codebook_is_not_trusted(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bytes that are not those that were written end with 6 before any distance is shown."""
    monkeypatch.setattr(artifact, "sha256", lambda data: "of other bytes")
    assert explain.main(["--warehouse", str(nights.warehouse), "p0100"]) == 6
    captured = capsys.readouterr()
    assert "not those that were written" in captured.err
    assert captured.out == ""
