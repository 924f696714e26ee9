"""Moving to another embedding model: its version grows up beside the old one, then readers are moved."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from semid.cli.job import run_job
from semid.jobs import promote, retrain
from semid.tables import releases
from semid.tables.intervals import only_open
from semid.tables.registry import cards
from semid.tables.store import Store
from tests import catalog, tiny_model
from tests.nights import SETTINGS, Nights, semid_nightly

DAY3, DAY4, DAY5, DAY6 = (f"2026-01-{day:02}" for day in (7, 8, 9, 10))


@dataclass(frozen=True)
class Move:
    """A warehouse that retrained on another model in the shadow (release 3), ran a night (4), and promoted (5)."""

    store: Store
    exit_codes: tuple[int, ...]
    feed: str
    new_model: str


@pytest.fixture(scope="module")
def move(nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> Move:
    folder = tmp_path_factory.mktemp("model")
    warehouse = shutil.copytree(nights.warehouse, folder / "warehouse")
    new_model = f"embedding.model={tiny_model.build(folder / 'tiny')}"
    flags = ["--warehouse", str(warehouse), *SETTINGS]
    codes = [run_job(retrain.JOB, [*flags, "--run-date", DAY3, "--shadow", "--set", new_model])]
    rows = catalog.second_night(catalog.items())[:-2]
    rows += [dict(row, item_id=f"m{number}") for number, row in enumerate(catalog.items(2, seed=5))]
    feed = catalog.write_jsonl(rows, folder / "feed.jsonl")
    codes.append(semid_nightly(warehouse, feed, DAY4))
    codes.append(run_job(promote.JOB, ["--warehouse", str(warehouse), "--run-date", DAY5, "--version", "2"]))
    return Move(Store(nights.store.spark, str(warehouse)), tuple(codes), feed, new_model)


def test_the_new_models_version_is_served_beside_the_old_one_and_then_read(move: Move) -> None:
    """Release by release: the active version stays until the promotion; both are kept current by the night between."""
    assert move.exit_codes == (0, 0, 0)
    history = releases.load(move.store).published[-3:]
    assert [(row.codebook_version, row.serving_versions) for row in history] == [(1, (1, 2)), (1, (1, 2)), (2, (1, 2))]
    open_ids = [{row.item_id for row in only_open(move.store.read("semantic_id"), [n]).collect()} for n in (1, 2)]
    assert open_ids[0] == open_ids[1]
    assert {"m0", "m1"} <= open_ids[1]


def test_every_active_content_has_a_vector_of_both_models(move: Move) -> None:
    """The arrivals of the night between were embedded twice, with vectors of the models' own widths."""
    contents = move.store.read("item_catalog").where("is_active").select("content_hash").distinct()
    found = move.store.read("item_embedding").join(contents, "content_hash").groupBy("model", "dim").count().collect()
    old, new = cards(move.store)
    wanted = contents.count()
    assert {(row.model, row.dim): row["count"] for row in found} == {
        (old.model, 384): wanted,
        (new.model, tiny_model.WIDTH): wanted,
    }


def test_the_codebook_says_how_well_adapters_carry_over(move: Move) -> None:
    """Both maps were tried on pairs of both models; a random little model has little to do with MiniLM."""
    new = cards(move.store)[1]
    report = json.loads(new.metrics)["adapters_into_old_model"]
    assert set(report) == {"procrustes", "ridge"}
    for tried in report.values():
        assert tried["pairs"] > 40  # a fifth of the pairs, which the maps were not fitted to
        assert -1 <= tried["cosine"] < 0.99
        assert 0 <= tried["kept_all_codes"] <= tried["kept_first_code"] < 1
    assert (new.parent_version, json.loads(new.metrics)["start"]) == (None, "cold")


def test_after_the_promotion_a_night_needs_the_new_model(move: Move, capsys: pytest.CaptureFixture[str]) -> None:
    """With the old settings it is refused before its first step, naming both models."""
    assert semid_nightly(Path(move.store.warehouse), move.feed, DAY6) == 6
    said = capsys.readouterr().err
    assert all(card.model in said for card in cards(move.store))
    assert releases.load(move.store).current.release_id == 5
    assert semid_nightly(Path(move.store.warehouse), move.feed, DAY6, "--set", move.new_model) == 0
    assert releases.load(move.store).current.counts["unchanged"] == releases.load(move.store).current.counts["items"]
