"""semid build-features against the functions on arrays, and the sizes it writes beside them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from semid.cli.job import run_job
from semid.downstream.bags import Bags, hashed_ids
from semid.downstream.ngrams import ngrams, prefix_ngrams
from semid.downstream.pieces import fit_pieces
from semid.jobs import build_features
from semid.tables.query import open_reader
from tests.nights import NIGHT2, SETTINGS, Nights

SIZES = (16, 16, 8)
FLAGS = ["--prefix-rows", "100", "--ngram-rows", "200", "--piece-rows", "90", "--hashed-rows", "50"]


@pytest.fixture(scope="module")
def warehouse(nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two nights, to be written to."""
    return Path(shutil.copytree(nights.warehouse, tmp_path_factory.mktemp("features") / "warehouse"))


def semid_features(warehouse: Path, output: Path, *flags: str) -> int:
    given = ["--warehouse", str(warehouse), "--output", str(output), "--run-date", NIGHT2]
    return run_job(build_features.JOB, [*given, *SETTINGS, *flags])


def rows_of(bags: Bags) -> list[list[int]]:
    return [[row for row in bag if row < bags.rows] for bag in bags.index.tolist()]


def test_features_are_those_of_the_arrays(warehouse: Path, tmp_path: Path) -> None:
    """Every kind, item by item, the pieces trained on traffic; rows and look-ups of each table; the tokenizer loads."""
    ids = open_reader(str(warehouse)).mappings("SELECT item_id, codes FROM semantic_id_current ORDER BY item_id")
    names, codes = [row["item_id"] for row in ids], np.array([row["codes"] for row in ids], np.int32)
    traffic = np.arange(len(names)) % 7
    file, output = tmp_path / "traffic.parquet", tmp_path / "out"
    pd.DataFrame({"item_id": np.repeat(names, traffic)}).to_parquet(file)
    assert semid_features(warehouse, output, "--traffic", str(file), *FLAGS) == 0
    pieces = fit_pieces(codes, SIZES, 90, traffic)
    wanted = {
        "prefix_ngrams": prefix_ngrams(codes, SIZES, 100),
        "ngrams": ngrams(codes, SIZES, 2, 200),
        "pieces": pieces.bags(codes),
        "hashed_ids": hashed_ids(names, 50),
    }
    found = pq.read_table(output / "features").to_pandas().sort_values("item_id")
    assert found.item_id.tolist() == names
    for kind, bags in wanted.items():
        assert [list(rows) for rows in found[kind]] == rows_of(bags), kind
    sizes = pq.read_table(output / "vocabularies").to_pandas().set_index("feature")
    for kind, bags in wanted.items():
        used = len({row for bag in rows_of(bags) for row in bag})
        assert sizes.loc[kind].tolist() == [bags.rows, used, pytest.approx(bags.mean_width)], kind
    assert Tokenizer.from_file(str(output / "pieces.json")).to_str() == pieces.tokenizer
    assert json.loads((output / "params.json").read_text())["sizes"] == list(SIZES)


def test_what_cannot_be_done_leaves_no_output(
    warehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fewer pieces than single codes, and traffic of none of the items, are refused with one message."""
    assert semid_features(warehouse, tmp_path / "out", "--piece-rows", "12") == 2
    assert "ask for more pieces than the 40 single codes" in capsys.readouterr().err
    pd.DataFrame({"item_id": ["nobody"]}).to_parquet(tmp_path / "traffic.parquet")
    assert semid_features(warehouse, tmp_path / "out", "--traffic", str(tmp_path / "traffic.parquet")) == 3
    assert "no item with an ID has traffic" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
