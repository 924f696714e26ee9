"""semid train-search on a small warehouse: what it leaves, a kill between two epochs, its rivals, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from semid.cli.job import run_job
from semid.config import load_config
from semid.downstream import searcher, training
from semid.jobs import train_search
from semid.tables.query import open_reader
from semid.tables.store import Store
from semid.text.embedder import embedder
from semid.text.model import spec_of
from tests.nights import NIGHT2, SETTINGS, Nights

TINY = ["--shape", "width=16", "--epochs", "3", "--learning-rate", "0.01"]


@pytest.fixture(scope="module")
def store(nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The two nights, to be written to."""
    folder = shutil.copytree(nights.warehouse, tmp_path_factory.mktemp("search") / "warehouse")
    return Store(nights.store.spark, str(folder))


@pytest.fixture(scope="module")
def items(store: Store) -> pd.DataFrame:
    """item_id, title, brand and vector of each item that readers see, by item id."""
    query = """SELECT i.item_id, c.title, c.brand, e.embedding FROM semantic_id_current AS i
    JOIN item_catalog AS c USING (item_id) JOIN item_embedding AS e ON e.content_hash = i.content_hash ORDER BY item_id"""
    return open_reader(store.warehouse).frame(query)


@pytest.fixture(scope="module")
def searches(items: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six searches of each item, one of them with a word of its own, and five rows that say nothing or want nothing."""
    rows = [(f"{row.title} {row.brand} {n}", row.item_id) for row in items.itertuples() for n in range(6)]
    bad = [(None, rows[0][1]), ("", rows[1][1]), ("?!", rows[2][1]), ("a lost item", "nobody"), ("soap", None)]
    file = tmp_path_factory.mktemp("log") / "searches.parquet"
    pd.DataFrame([*bad, *rows], columns=["query", "item_id"]).to_parquet(file)
    return file


def semid_search(store: Store, output: Path, *flags: str) -> int:
    given = ["--warehouse", store.warehouse, "--output", str(output), "--run-date", NIGHT2]
    return run_job(train_search.JOB, [*given, *SETTINGS, *TINY, *flags])


def rows_of(store: Store, run_id: str) -> pd.Series:
    rows = store.read("eval_report").where(f"task = 'search' AND run_id = '{run_id}'").toPandas()
    return rows.set_index(["metric", "slice"]).value


def test_a_killed_training_goes_on_and_ends_with_the_same_bytes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped by Ctrl-C behind the second of three epochs, then given again: the files and rows of an undisturbed run."""
    made = ("--per-item", "2")
    assert semid_search(store, tmp_path / "whole", *made) == 0
    after_epoch = training._after_epoch

    def killed(state: training.State, *rest: object) -> object:
        if state.epoch == 2:
            raise KeyboardInterrupt
        return after_epoch(state, *rest)

    monkeypatch.setattr(training, "_after_epoch", killed)
    assert semid_search(store, tmp_path / "killed", *made) == 130
    assert not (tmp_path / "killed").exists()
    begun: list[int] = []
    monkeypatch.setattr(
        training, "_after_epoch", lambda state, *rest: begun.append(state.epoch) or after_epoch(state, *rest)
    )
    assert semid_search(store, tmp_path / "killed", *made) == 0
    assert begun == [2]
    for name in ("model.safetensors", "ids.parquet", "params.json", "queries.parquet"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert not list((tmp_path / "killed").glob("checkpoint-*"))
    rows = store.read("eval_report").where("task = 'search'").toPandas()
    both = [part.set_index(["metric", "slice"]).value.sort_index() for _, part in rows.groupby("run_id")]
    assert len(both) == 2
    pd.testing.assert_series_equal(*both)
    assert semid_search(store, tmp_path / "killed", *made) == 0
    assert begun == [2]


def test_what_is_measured_is_what_the_folder_answers(
    store: Store, items: pd.DataFrame, searches: Path, tmp_path: Path
) -> None:
    """The catalog's own searches: bad rows are left out and counted, each text is in one part, all numbers hold."""
    given = ("--queries", str(searches), "--run-id", "own", "--batch", "8")
    assert semid_search(store, tmp_path / "s", *given) == 0
    value = rows_of(store, "own")
    asked = pd.read_parquet(tmp_path / "s" / "queries.parquet")
    assert value["queries", "all"] == 6 * len(items) + 5
    assert value["queries_left_out", "all"] == 5
    assert asked.groupby("query").part.nunique().max() == 1
    counts = asked.part.value_counts()
    assert (value["queries_learnt", "all"], value["queries_judged", "all"]) == (counts["learnt"], counts["judged"])
    assert len(asked) == 6 * len(items)  # so few that all held out are judged or checked
    assert 0.1 < 1 - counts["learnt"] / len(asked) < 0.3

    judged = asked[asked.part == "judged"]
    made, known = searcher.load(tmp_path / "s")
    assert known.item_ids.tolist() == items.item_id.tolist()
    found = known.item_ids[searcher.ranked(made, judged["query"].tolist(), known, 20)]
    hits = found == judged.item_id.to_numpy()[:, None]
    assert value["recall_10", "generator"] == pytest.approx(hits.any(axis=1).mean())
    assert value["recall_1", "generator"] == pytest.approx(hits[:, 0].mean())
    assert value["recall_10", "generator"] > 20 / len(items)  # ten of all by chance

    texts = judged["query"].tolist()
    vectors = embedder(spec_of(load_config().embedding), "cpu").embed(texts, texts)
    nearness = vectors @ np.stack(items.embedding.to_list()).T
    own = nearness[np.arange(len(judged)), items.item_id.searchsorted(judged.item_id)]
    others = [(nearness > own[:, None] + slack).sum(axis=1) for slack in (1e-6, -1e-6)]  # equal texts are as near
    assert (others[1] == 1).mean() <= value["recall_1", "dense"] <= (others[0] == 0).mean()
    assert 0.5 < value["recall_1", "dense"] < 1
    assert 0.5 < value["recall_1", "BM25"] < 1


def test_dense_retrieval_is_left_out_where_queries_cannot_be_embedded_as_items_were(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Other settings of texts than those of the vectors: said in the log, and in what the folder tells."""
    other = ("--set", "text.separator=' / '", "--per-item", "1", "--run-id", "other", "--kind", "tiger")
    assert semid_search(store, tmp_path / "o", *other) == 0
    assert "dense" not in rows_of(store, "other").index.get_level_values("slice")
    about = json.loads((tmp_path / "o" / "params.json").read_text())
    assert "are not those of the vectors" in about["dense"]
    assert "dense retrieval is left out" in caplog.text
    assert about["plan"]["kind"] == "tiger"


def test_what_cannot_be_learnt_is_refused(
    store: Store, searches: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table of something else, no usable row, too few of them, a size that is none: exit 2 or 3 and no output."""
    out, given = tmp_path / "out", pd.read_parquet(searches)

    def refused(rows: pd.DataFrame) -> str:
        rows.to_parquet(tmp_path / "rows.parquet")
        assert semid_search(store, out, "--queries", str(tmp_path / "rows.parquet")) == 3
        return capsys.readouterr().err

    told = refused(given.rename(columns={"query": "text"}))
    assert "no table of queries" in told
    assert "no column query" in told
    assert "no column item_id" not in told
    assert "0 of 5 rows" in refused(given[:5])
    assert "0 of 0 rows" in refused(given[:0])
    assert "1 of 6 rows" in refused(given[:6])
    assert semid_search(store, out, "--queries", str(tmp_path / "nothing.parquet")) == 3
    assert semid_search(store, out, "--shape", "lairs=2") == 2
    assert "lairs: not one of width" in capsys.readouterr().err
    with pytest.raises(SystemExit) as usage:
        semid_search(store, out, "--queries", str(searches), "--per-item", "2")
    assert usage.value.code == 2
    assert not out.exists()


def test_what_is_in_the_place_of_the_output_stays(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    assert semid_search(store, tmp_path / "taken") == 2
    assert "something in the place of the output" in capsys.readouterr().err
    assert [file.name for file in (tmp_path / "taken").iterdir()] == ["notes.txt"]
    assert not (tmp_path / "taken.unfinished").exists()


def test_a_gpu_that_is_not_there_is_said_first(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert semid_search(store, tmp_path / "out", "--device", "cuda") == 7
    assert "sees no usable GPU here" in capsys.readouterr().err
    assert not list(tmp_path.glob("out*"))
