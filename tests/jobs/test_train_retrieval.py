"""semid train-retrieval on a small warehouse: what it leaves, a kill between two epochs, and what it refuses."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from semid.cli.job import run_job
from semid.downstream import retriever, training
from semid.downstream.sequences import Histories
from semid.jobs import train_retrieval
from semid.tables.query import open_reader
from semid.tables.store import Store
from tests.nights import NIGHT2, SETTINGS, Nights

TINY = ["--shape", "width=16", "--shape", "hidden=16", "--shape", "layers=1", "--history", "4", "--epochs", "3"]


@pytest.fixture(scope="module")
def store(nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The two nights, to be written to."""
    folder = shutil.copytree(nights.warehouse, tmp_path_factory.mktemp("retrieval") / "warehouse")
    return Store(nights.store.spark, str(folder))


@pytest.fixture(scope="module")
def interactions(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty users who take six neighbours in the order of the IDs, one a day, and an item that nobody knows."""
    ids = open_reader(store.warehouse).mappings("SELECT item_id FROM semantic_id_current ORDER BY codes, item_id")
    names = [row["item_id"] for row in ids][:60]
    rows = [
        (f"u{user:02d}", names[(user + step) % len(names)], date(2026, 1, 1) + timedelta(days=step))
        for user in range(50)
        for step in range(6)
    ]
    file = tmp_path_factory.mktemp("log") / "interactions.parquet"
    pd.DataFrame([*rows, ("u00", "nobody", date(2026, 1, 1))], columns=["user_id", "item_id", "date"]).to_parquet(file)
    return file


def semid_train(store: Store, interactions: Path, output: Path, *flags: str) -> int:
    given = ["--warehouse", store.warehouse, "--interactions", str(interactions), "--output", str(output)]
    return run_job(train_retrieval.JOB, [*given, "--run-date", NIGHT2, *SETTINGS, *TINY, *flags])


def test_a_killed_training_goes_on_and_ends_with_the_same_bytes(
    store: Store, interactions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped by Ctrl-C behind the second of three epochs, then given again: the files and rows of an undisturbed run."""
    assert semid_train(store, interactions, tmp_path / "whole") == 0
    after_epoch = training._after_epoch

    def killed(state: training.State, *rest: object) -> object:
        if state.epoch == 2:
            raise KeyboardInterrupt
        return after_epoch(state, *rest)

    monkeypatch.setattr(training, "_after_epoch", killed)
    assert semid_train(store, interactions, tmp_path / "killed") == 130
    assert not (tmp_path / "killed").exists()
    begun: list[int] = []
    monkeypatch.setattr(
        training, "_after_epoch", lambda state, *rest: begun.append(state.epoch) or after_epoch(state, *rest)
    )
    assert semid_train(store, interactions, tmp_path / "killed") == 0
    assert begun == [2]
    for name in ("model.safetensors", "ids.parquet", "params.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert not list((tmp_path / "killed").glob("checkpoint-*"))
    rows = store.read("eval_report").where("task = 'retrieval'").toPandas()
    both = [part.set_index(["metric", "slice"]).value.sort_index() for _, part in rows.groupby("run_id")]
    assert len(both) == 2
    pd.testing.assert_series_equal(*both)


def test_what_is_measured_is_what_the_folder_answers(store: Store, interactions: Path, tmp_path: Path) -> None:
    """TIGER of two processes, split by time: Recall@10 of eval_report is that of the saved model; the split is kept."""
    flags = ["--kind", "tiger", "--shape", "heads=2", "--shape", "head_width=8", "--run-id", "by-time"]
    flags += ["--processes", "2", "--batch", "20"]
    assert (
        semid_train(
            store, interactions, tmp_path / "t", *flags, "--valid-from", "2026-01-05", "--test-from", "2026-01-06"
        )
        == 0
    )
    made, known = retriever.load(tmp_path / "t")
    rows = pq.read_table(tmp_path / "t" / "sequences").to_pandas().sort_values("user_id")
    assert set(rows.train) == {4}
    assert (set(rows.valid), set(rows.test)) == ({4}, {5})
    place = {tuple(ids): n for n, ids in enumerate(known.vocabulary.tokens(known.ids).tolist())}
    past = [[place[tuple(tokens)] for tokens in run] for run in rows.tokens]
    log = Histories(
        rows.user_id.to_numpy(),
        np.arange(0, 251, 5),
        np.array([run[:5] for run in past], np.int32).ravel(),
        np.arange(250),
    )
    found = retriever.ranked(made, log, known, 20)
    wanted = known.now[[run[5] for run in past]]
    value = store.read("eval_report").where("run_id = 'by-time'").toPandas().set_index(["metric", "slice"]).value
    assert value["recall_10", "all"] == pytest.approx((found == wanted[:, None]).any(axis=1).mean())
    assert value["users", "all"] == 50
    assert value["epochs", "all"] == 3
    about = json.loads((tmp_path / "t" / "params.json").read_text())
    assert (about["plan"]["kind"], about["training"]["processes"]) == ("tiger", 2)
    assert not list((tmp_path / "t").glob("checkpoint-*"))


def test_what_cannot_be_trained_is_refused(
    store: Store, interactions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One day of a split, a size that is none, users without a past: exit 2 or 3 and no output."""
    out = tmp_path / "out"
    assert semid_train(store, interactions, out, "--valid-from", "2026-01-05") == 2
    assert semid_train(store, interactions, out, "--shape", "lairs=2") == 2
    assert "lairs: not one of width" in capsys.readouterr().err
    assert semid_train(store, interactions, out, "--processes", "64") == 2
    assert "25 batches for 64 processes" in capsys.readouterr().err
    short = pd.read_parquet(interactions).groupby("user_id").head(2)
    short.to_parquet(tmp_path / "short.parquet")
    assert semid_train(store, tmp_path / "short.parquet", out) == 3
    assert "no history is long enough" in capsys.readouterr().err
    assert not out.exists()


def test_a_gpu_that_is_not_there_is_said_before_sequences_are_made(
    store: Store,
    interactions: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit 7: torch sees none in this process, Spark has none for two processes of its own."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert semid_train(store, interactions, tmp_path / "out", "--device", "cuda") == 7
    assert "sees no usable GPU here" in capsys.readouterr().err
    assert not list(tmp_path.glob("out*"))
    assert semid_train(store, interactions, tmp_path / "out", "--device", "cuda", "--processes", "2") == 7
    assert "Spark gives the driver 0 of the 2 GPUs" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
