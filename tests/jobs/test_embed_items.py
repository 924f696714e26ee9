"""The job: each content once, nothing after a failure, the same vectors after a kill."""

from __future__ import annotations

import argparse
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame

from semid.cli.job import Context, StepResult
from semid.config import load_config
from semid.errors import EnvironmentFault, StoredDataError
from semid.frames import embed
from semid.jobs.embed_items import main
from semid.tables.store import Store
from semid.text.model import fingerprint_of
from tests import tiny_model
from tests.small_nights import copy
from tests.spark.test_embed import catalog_row, vector_row


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model."""
    return tiny_model.build(tmp_path_factory.mktemp("model") / "tiny")


def run(store: Store, model: Path | str, run_id: str = "r1") -> StepResult:
    config = load_config(overrides=[f"embedding.model={model}"])
    return main(Context(store.spark, config, store, run_id, date(2026, 1, 1), argparse.Namespace()))


def add(store: Store, *texts: str, prefix: str = "i") -> None:
    store.append_rows([catalog_row(f"{prefix}{n}", text) for n, text in enumerate(texts)], "item_catalog")


def stored(store: Store) -> dict[str, tuple[Any, ...]]:
    rows = store.read("item_embedding").collect()
    assert len({row.content_hash for row in rows}) == len(rows)
    return {row.content_hash: (row.model, row.dim, tuple(row.embedding)) for row in rows}


def test_only_unseen_contents_are_embedded(store: Store, model: Path) -> None:
    """Items that share a text share a vector; another run commits nothing, and a new item embeds its text only."""
    add(store, "red shoe", "red shoe", "blue hat")
    first = run(store, model)
    version = store.version("item_embedding")
    again = run(store, model, "r2")
    assert (first.rows_in, first.rows_out, again.rows_out) == (2, 2, 0)
    assert store.version("item_embedding") == version
    before = stored(store)
    add(store, "green scarf", prefix="n")
    assert run(store, model, "r3").metrics["reused"] == 2
    assert {key: row for key, row in stored(store).items() if key in before} == before
    assert store.read("item_embedding").where("run_id = 'r3'").count() == 1
    assert {row[:2] for row in stored(store).values()} == {(again.metrics["model"], tiny_model.WIDTH)}


def test_a_missing_model_is_refused_before_any_text_is_read(store: Store) -> None:
    """A model folder that is not there is exit code 7, and the catalog is not looked at."""
    shutil.rmtree(f"{store.warehouse}/item_catalog")
    with pytest.raises(EnvironmentFault) as caught:
        run(store, "/no/such/model")
    assert caught.value.exit_code == 7


def test_supplied_vectors_are_only_checked(store: Store) -> None:
    """With vectors of the feed nothing is computed; one that is missing is an error that names its item."""
    add(store, "red shoe", "blue hat")
    supplied = fingerprint_of(load_config(overrides=["embedding.model=supplied:shop"]))
    store.append_rows([vector_row("red shoe", supplied)], "item_embedding")
    with pytest.raises(StoredDataError, match="1 without a vector, among them that of item i1"):
        run(store, "supplied:shop")
    store.append_rows([vector_row("blue hat", supplied)], "item_embedding")
    assert run(store, "supplied:shop").rows_out == 0


def test_a_run_that_stops_between_commits_goes_on_to_the_same_vectors(
    store: Store, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed before the stop is kept; the run after it gives the vectors of an undisturbed one, bit for bit."""
    texts = [f"{'abcdefgh'[: 1 + n % 8]} {n:o} {'xyz' * (n % 7)}" for n in range(300)]
    undisturbed = copy(store, tmp_path / "undisturbed")
    for each in (store, undisturbed):
        add(each, *texts)
    run(undisturbed, model)

    def stop_at_the_second(self: Store, df: DataFrame, name: str) -> None:
        if self.version(name) > empty:
            raise KeyboardInterrupt
        append(self, df, name)

    append, empty = Store.append, store.version("item_embedding")
    with monkeypatch.context() as patched:
        patched.setattr(embed, "commits", lambda partitions, cores: [(n, 1) for n in range(partitions)])
        patched.setattr(Store, "append", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            run(store, model)
    kept = stored(store)
    assert 0 < len(kept) < len(texts)
    assert run(store, model, "r2").rows_out == len(texts) - len(kept)
    assert stored(store) == stored(undisturbed)
