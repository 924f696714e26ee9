"""semid tune-codebook: the grid on Spark, its rows and page, and what it recommends."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from semid.cli import tuning
from semid.cli.job import run_job
from semid.config import load_config
from semid.frames.sample import collect_sample
from semid.jobs import tune_codebook
from semid.measure.budget import recommend, try_setting
from semid.tables.store import Store
from tests.nights import NIGHT2, SETTINGS, Nights
from tests.page import Page

GRID = "[[16,8],[8,8],[8,4,4],[4096,4]]"


@dataclass(frozen=True)
class Tuned:
    """A warehouse after a tuning, and the rows of its run by setting and metric."""

    store: Store
    rows: pd.DataFrame
    params: dict[str, object]


def semid_tune(store: Store, *flags: str) -> int:
    return run_job(tune_codebook.JOB, ["--warehouse", store.warehouse, "--run-date", NIGHT2, *SETTINGS, *flags])


@pytest.fixture(scope="module")
def tuned(nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    folder = tmp_path_factory.mktemp("tune")
    shutil.copytree(nights.warehouse, folder / "warehouse")
    store = Store(nights.store.spark, str(folder / "warehouse"))
    assert semid_tune(store, "--grid", GRID, "--run-id", "tuned") == 0
    rows = store.read("eval_report").toPandas()
    assert set(rows.task) == {"budget"}
    return Tuned(store, rows.set_index(["slice", "metric"]), json.loads(rows.params[0]))


def test_every_setting_is_measured_as_if_fitted_here(tuned: Tuned) -> None:
    """One set of rows per setting, equal to a fit in this process; the recommendation is the rule's."""
    assert set(tuned.rows.index.get_level_values(0)) == {"16-8", "8-8", "8-4-4"}
    assert tuned.params["not_tried"] == [[4096, 4]]
    active = tuned.store.read("item_catalog").where("is_active").select("content_hash").distinct()
    x = collect_sample(tuned.store.read("item_embedding").join(active, "content_hash"))
    assert tuned.params["sample"] == tuned.params["texts"] == len(x)
    settings = [
        load_config(overrides=["codebook.kind=rkmeans", f"codebook.sizes={sizes}"])
        for sizes in ([8, 8], [8, 4, 4], [16, 8])
    ]
    trials = [try_setting(x, one.codebook) for one in settings]
    for trial in trials:
        found = tuned.rows.value[trial.name]
        assert found["collision_texts"] == pytest.approx(trial.collision)
        assert found["relative_error_heldout"] == pytest.approx(trial.error_heldout)
        assert found["codes"] == trial.codes
    assert tuple(tuned.params["recommended"]) == recommend(trials, len(x)).sizes  # type: ignore[arg-type]
    assert np.isfinite(tuned.rows.value).all()


def test_the_page_stands_alone_and_names_the_choice(tuned: Tuned, capsys: pytest.CaptureFixture[str]) -> None:
    """It lies beside the release pages; the terminal says the same, also when the run is asked for again."""
    page = Path(tuned.store.warehouse) / "report" / "budget-tuned.html"
    found = Page(page.read_text())
    found.check_self_contained()
    assert found.plots == ["What is lost", "Texts in a typical bucket of level 1"]
    assert set(found.plots) <= set(found.tables)
    assert [row[1] for row in found.tables["Every setting of the grid"][1:]] == ["8-4-4", "8-8", "16-8"]
    assert str(tuned.params["reason"]) in found.text
    capsys.readouterr()
    assert semid_tune(tuned.store, "--grid", GRID, "--run-id", "tuned") == 0
    printed = capsys.readouterr().out
    assert str(tuned.params["reason"]) in printed
    assert str(page) in printed


def test_another_default_grid_is_another_tuning(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an older semid tried by default is not taken for what was asked now."""
    flags = tune_codebook.JOB.arg_parser().parse_args([])
    before = tuning.fingerprint_of_tuning(spark, flags)
    monkeypatch.setattr(tuning, "GRID", ((8, 8),))
    assert tuning.fingerprint_of_tuning(spark, flags) != before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ("--grid", GRID, "--max-codes", "15"),
            "no setting of the grid has at most 15 codes in all; the smallest has 16",
        ),
        (("--grid", "[[4096]]"), "no setting of the grid can be filled by"),
        (("--grid", "[[1,8]]"), "greater than or equal to 2"),
        (("--grid", "8,8"), "no JSON"),
        (("--grid", "[8, 8]"), "a list of lists"),
        (("--grid", GRID, "--kind", "magic"), "magic"),
        (("--grid", GRID, "--set", "embedding.model=supplied:none"), "no active item's text is embedded"),
    ],
)
def test_a_grid_that_cannot_be_tried_is_refused(
    tuned: Tuned, flags: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 with the reason, before anything is fitted or written."""
    before = tuned.store.version("eval_report")
    assert semid_tune(tuned.store, *flags) == 2
    assert message in capsys.readouterr().err
    assert tuned.store.version("eval_report") == before
