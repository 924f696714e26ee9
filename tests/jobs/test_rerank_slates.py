"""semid rerank-slates against the re-ranker on arrays, once per run, and what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semid.cli.job import run_job
from semid.downstream.ssd import PrefixTerm, SpectrumTerm, rerank
from semid.jobs import rerank_slates
from semid.tables.query import open_reader
from tests.nights import NIGHT2, SETTINGS, Nights

SHOWN, WINDOW, WEIGHT, GAMMA = 6, 4, 1.5, 0.5
CANDIDATES = "SELECT item_id, codes, embedding FROM semantic_id_current JOIN item_embedding USING (content_hash)"


@pytest.fixture(scope="module")
def warehouse(nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two nights, to be written to."""
    return Path(shutil.copytree(nights.warehouse, tmp_path_factory.mktemp("slates") / "warehouse"))


def semid_rerank(warehouse: Path, slates: Path, output: Path, *flags: str) -> int:
    given = ["--warehouse", str(warehouse), "--slates", str(slates), "--output", str(output), "--run-date", NIGHT2]
    return run_job(rerank_slates.JOB, [*given, *SETTINGS, *flags])


def slates_of(warehouse: Path) -> pd.DataFrame:
    """Two slates of 30 and 4 items, of drawn relevance; the second one names an item that has no ID."""
    rows = pd.DataFrame(open_reader(str(warehouse)).mappings(f"{CANDIDATES} ORDER BY item_id"))
    rng = np.random.default_rng(5)
    long = rows.iloc[rng.permutation(len(rows))[:30]].assign(slate_id="long")
    short = rows.iloc[rng.permutation(len(rows))[:3]].assign(slate_id="short")
    unknown = {"item_id": "unknown", "codes": [-1, -1, -1], "embedding": np.zeros(384), "slate_id": "short"}
    slates = pd.concat([long, short, pd.DataFrame([unknown])], ignore_index=True)
    slates["relevance"] = rng.normal(size=len(slates)).round(1)  # rounded: some are equal
    return slates


def by_arrays(slate: pd.DataFrame) -> list[str]:
    """The items that the re-ranker on arrays shows."""
    ordered = slate.sort_values(["relevance", "item_id"], ascending=[False, True])
    codes = np.stack(ordered.codes.to_list())[None].astype(np.int32)
    vectors = np.stack(ordered.embedding.to_list())[None].astype(np.float32)
    terms = [SpectrumTerm(vectors, GAMMA, WINDOW), PrefixTerm(codes, WEIGHT, WINDOW)]
    order = rerank(ordered.relevance.to_numpy()[None], terms, SHOWN)[0]
    return [ordered.item_id.iloc[row] for row in order if row >= 0]


def test_the_job_shows_what_the_reranker_on_arrays_shows(
    warehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both slates, with codes, vectors and an item without an ID; the same command again leaves the folder as it is."""
    slates = slates_of(warehouse)
    file, output = tmp_path / "slates.parquet", tmp_path / "out"
    slates.sample(frac=1, random_state=1)[["slate_id", "item_id", "relevance"]].to_parquet(file)
    flags = ["--length", str(SHOWN), "--window", str(WINDOW), "--prefix-weight", str(WEIGHT), "--gamma", str(GAMMA)]
    assert semid_rerank(warehouse, file, output, *flags) == 0
    rows = pq.read_table(output).to_pandas().sort_values(["slate_id", "position"])
    found = {name: slate.item_id.tolist() for name, slate in rows.groupby("slate_id")}
    assert found == {name: by_arrays(slate) for name, slate in slates.groupby("slate_id")}
    assert found["long"] != slates[slates.slate_id == "long"].nlargest(SHOWN, "relevance").item_id.tolist()
    given = slates.set_index(["slate_id", "item_id"]).relevance
    assert rows.relevance.tolist() == [given[row.slate_id, row.item_id] for row in rows.itertuples()]
    ordered = slates.sort_values(["relevance", "item_id"], ascending=[False, True])
    places = ordered.assign(place=ordered.groupby("slate_id").cumcount() + 1).set_index(["slate_id", "item_id"]).place
    assert rows.source_position.tolist() == [places[row.slate_id, row.item_id] for row in rows.itertuples()]
    assert rows[rows.slate_id == "short"].position.tolist() == [1, 2, 3, 4]
    assert not list(tmp_path.glob("*.unfinished"))
    before = {path: path.read_bytes() for path in output.iterdir()}
    assert semid_rerank(warehouse, file, output, *flags) == 0
    assert {path: path.read_bytes() for path in output.iterdir()} == before
    assert capsys.readouterr().out.count("34 rows in, 10 out (slates 2, without_id 1)") == 2
    assert semid_rerank(warehouse, file, output, "--length", "2") == 2
    assert "there is something in the place of the output" in capsys.readouterr().err


def test_what_makes_no_slates_is_refused_at_once(
    warehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One message with every problem and no output: a missing column, or rows that cannot be ranked."""
    file = tmp_path / "slates.parquet"
    pq.write_table(pa.table({"slate": ["s"], "item_id": ["a"]}), file)
    assert semid_rerank(warehouse, file, tmp_path / "out") == 3
    said = capsys.readouterr().err
    assert "no column slate_id" in said
    assert "no column rank" in said
    rows = {"slate_id": ["s", "s", "s", None], "item_id": ["a", "a", "b", "c"], "rank": ["1", "2", "many", "3"]}
    pq.write_table(pa.table(rows), file)
    assert semid_rerank(warehouse, file, tmp_path / "out") == 3
    said = capsys.readouterr().err
    assert "2 rows lack" in said
    assert "1 rows name an item that its slate has already" in said
    assert semid_rerank(warehouse, tmp_path / "none", tmp_path / "out") == 3
    assert "the file of --slates does not exist" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
