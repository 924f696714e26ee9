"""`semid export`: what readers see, as files that other programs load."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from semid.cli.main import main
from semid.downstream import exports
from semid.downstream.hybrid import prefix_points
from semid.tables.query import open_reader
from tests.nights import Nights

CURRENT = "SELECT item_id, semantic_id, codes, dedup_index FROM semantic_id_current ORDER BY item_id"


def export(nights: Nights, folder: Path, *more: str) -> int:
    return main(["export", str(folder), "--warehouse", str(nights.warehouse), *more])


def test_an_export_holds_what_readers_see(nights: Nights, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Items, codes and dedup indexes of the current release, under its number and its codebook's fingerprint."""
    assert export(nights, tmp_path / "ids") == 0
    rows = open_reader(str(nights.warehouse)).mappings(CURRENT)
    found = exports.load(tmp_path / "ids")
    assert list(found.ids.item_ids) == [row["item_id"] for row in rows]
    assert found.ids.codes.tolist() == [list(row["codes"]) for row in rows]
    assert found.ids.dedup_index.tolist() == [row["dedup_index"] for row in rows]
    distinct = len({tuple(row["codes"]) for row in rows})
    assert (found.manifest["release_id"], found.manifest["valid_sids"]) == (2, distinct)
    assert f"release 2, codebook 1: {len(rows)} items, {distinct} distinct codes" in capsys.readouterr().out


def test_every_id_is_spelled_by_the_exported_tokenizer(nights: Nights, tmp_path: Path) -> None:
    """One token per level and one for the dedup index, and back."""
    assert export(nights, tmp_path / "ids") == 0
    tokenizer = Tokenizer.from_file(str(tmp_path / "ids" / "tokenizer" / "tokenizer.json"))
    known = tokenizer.get_vocab()
    assert len(known) == tokenizer.get_vocab_size()
    for row in open_reader(str(nights.warehouse)).mappings(f"{CURRENT} LIMIT 20"):
        values = [*row["codes"], row["dedup_index"]]
        spelled = "".join(f"<{letter}_{value}>" for letter, value in zip("abcd", values, strict=True))
        tokens = tokenizer.encode(spelled).tokens
        assert tokens == [f"<{letter}_{value}>" for letter, value in zip("abcd", values, strict=True)]


def test_an_export_is_repeatable_and_never_overwritten(
    nights: Nights, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command again is done at once; with points it is another export, and needs another folder."""
    assert export(nights, tmp_path / "ids") == 0
    before = {file: file.read_bytes() for file in (tmp_path / "ids").rglob("*") if file.is_file()}
    assert export(nights, tmp_path / "ids") == 0
    assert {file: file.read_bytes() for file in before} == before
    assert export(nights, tmp_path / "ids", "--points", "1") == 2
    assert "something else in the place of the export" in capsys.readouterr().err


def test_points_are_those_of_the_items_own_vectors(nights: Nights, tmp_path: Path) -> None:
    """Each item's vector is that of its content, looked up here one by one."""
    assert export(nights, tmp_path / "ids", "--points", "1") == 0
    reader = open_reader(str(nights.warehouse))
    vectors = {
        row["content_hash"]: row["embedding"]
        for row in reader.mappings("SELECT content_hash, embedding FROM item_embedding")
    }
    rows = reader.mappings("SELECT codes, content_hash FROM semantic_id_current ORDER BY item_id")
    x = np.array([vectors[row["content_hash"]] for row in rows], np.float32)
    wanted = prefix_points(x, np.array([row["codes"] for row in rows], np.int32), 1)
    points = exports.load(tmp_path / "ids").ids.points
    assert points is not None
    for name, array in vars(wanted).items():
        np.testing.assert_array_equal(getattr(points, name), array, err_msg=name)


def test_wrong_flags_are_refused(nights: Nights, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A version that is not served, a depth out of range: exit 2, nothing written."""
    assert export(nights, tmp_path / "ids", "--version", "9") == 2
    assert export(nights, tmp_path / "ids", "--points", "3") == 2
    assert "1 or 2" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
