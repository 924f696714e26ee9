"""semid evaluate: our IDs and somebody else's on one warehouse, the rows it writes and what a reader sees."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import normalized_mutual_info_score

from semid.cli import report
from semid.cli.job import run_job
from semid.jobs import evaluate
from semid.measure.codes import neighbour_preservation, relative_error
from semid.tables import registry
from semid.tables.store import Store
from tests.nights import NIGHT2, SETTINGS, Nights
from tests.page import Page

PAIRS = 40


@dataclass(frozen=True)
class Evaluated:
    """A warehouse whose active IDs were evaluated: its items by id, the run's rows, the files given."""

    store: Store
    items: pd.DataFrame
    rows: pd.DataFrame
    files: dict[str, str]


def semid_evaluate(store: Store, *flags: str) -> int:
    return run_job(evaluate.JOB, ["--warehouse", store.warehouse, "--run-date", NIGHT2, *SETTINGS, *flags])


def report_of(store: Store, run_id: str) -> pd.DataFrame:
    return store.read("eval_report").where(f"run_id = '{run_id}'").toPandas().set_index(["metric", "slice"])


@pytest.fixture(scope="module")
def evaluated(nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """The two nights, known pairs and interactions, evaluated once."""
    folder = tmp_path_factory.mktemp("evaluate")
    shutil.copytree(nights.warehouse, folder / "warehouse")
    store = Store(nights.store.spark, str(folder / "warehouse"))
    ids = store.read("semantic_id").where("valid_to IS NULL").select("item_id", "codes", "content_hash")
    active = store.read("item_catalog").where("is_active").select("item_id", "category")
    items = ids.join(active, "item_id").toPandas().sort_values("item_id", ignore_index=True)
    items["codes"] = items.codes.map(list)
    names = items.item_id.tolist()
    pairs = {"left": names[:PAIRS], "right": names[PAIRS : 2 * PAIRS]}
    visits = {"item_id": [name for n, name in enumerate(names[:20]) for _ in range(20 - n)]}
    files = {name: str(folder / f"{name}.parquet") for name in ("pairs", "traffic")}
    pq.write_table(pa.table(pairs), files["pairs"])
    pq.write_table(pa.table(visits), files["traffic"])
    flags = ["--pairs", files["pairs"], "--traffic", files["traffic"], "--run-id", "own"]
    assert semid_evaluate(store, *flags) == 0
    return Evaluated(store, items, report_of(store, "own"), files)


def test_counts_are_pandas_counts(evaluated: Evaluated) -> None:
    """Collisions over items and texts, singletons, largest bucket, use of the codes: from the table itself."""
    value, items = evaluated.rows.value, evaluated.items
    texts = items.drop_duplicates("content_hash")
    for name, rows in (("items", items), ("texts", texts)):
        keys = rows.codes.map(tuple)
        assert value[name, "all"] == len(rows)
        assert value[f"collision_{name}", "all"] == pytest.approx(1 - keys.nunique() / len(rows))
        assert value[f"singleton_{name}", "all"] == pytest.approx((~keys.duplicated(keep=False)).mean())
        assert value[f"largest_bucket_{name}", "all"] == keys.value_counts().max()
    for level, size in enumerate((16, 16, 8)):
        shares = texts.codes.str[level].value_counts(normalize=True)
        assert value[f"used_codes_l{level + 1}", "all"] == len(shares)
        assert value[f"dead_codes_l{level + 1}", "all"] == size - len(shares)
        assert value[f"perplexity_l{level + 1}", "all"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


def test_what_needs_vectors_is_what_the_vectors_say(evaluated: Evaluated) -> None:
    """Error, neighbours and category agreement over all distinct texts, computed again from the tables."""
    value, store = evaluated.rows.value, evaluated.store
    texts = evaluated.items.drop_duplicates("content_hash").set_index("content_hash")
    vectors = store.read("item_embedding").toPandas().set_index("content_hash").embedding.loc[texts.index]
    x, codes = np.stack(vectors.tolist()).astype(np.float32), np.array(texts.codes.tolist(), np.int32)
    decoded = registry.load(store, 1).codebook.decode(codes)
    assert value["relative_error", "all"] == pytest.approx(relative_error(x, decoded), rel=1e-5)
    near = [value[f"neighbours_d{depth}", "all"] for depth in (1, 2, 3)]
    assert near == pytest.approx(neighbour_preservation(x, codes), abs=0.01)  # nearly equal texts tie
    first = normalized_mutual_info_score(texts.category.str[0], codes[:, 0])
    assert value["nmi_c1_d1", "all"] == pytest.approx(first)
    assert value["nmi_shuffled_c1_d1", "all"] < first
    assert evaluated.rows.ci_low.sort_index().drop(["pairs_agree_d1", "pairs_agree_d2", "pairs_agree_d3"]).isna().all()


def test_pairs_and_slices(evaluated: Evaluated) -> None:
    """Agreement of the given pairs with its interval; head, mid and tail add up to all items."""
    value, items = evaluated.rows.value, evaluated.items
    codes = items.codes.tolist()
    same = np.mean([codes[n][0] == codes[n + PAIRS][0] for n in range(PAIRS)])
    assert value["pairs_agree_d1", "all"] == pytest.approx(same)
    assert evaluated.rows.ci_low["pairs_agree_d1", "all"] <= same <= evaluated.rows.ci_high["pairs_agree_d1", "all"]
    counts = [value["items", part] for part in ("head", "mid", "tail")]
    assert counts[0] == 6  # 20 + 19 + ... + 15 = 105, half of 210
    assert sum(counts) == len(items)


def test_the_same_run_again_changes_nothing_and_prints_the_same(
    evaluated: Evaluated, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second call with the same run id writes no row; the table is printed from what is stored."""
    before = evaluated.store.version("eval_report")
    flags = ["--pairs", evaluated.files["pairs"], "--traffic", evaluated.files["traffic"], "--run-id", "own"]
    assert semid_evaluate(evaluated.store, *flags) == 0
    assert evaluated.store.version("eval_report") == before
    printed = capsys.readouterr().out
    assert f"{evaluated.rows.value['relative_error', 'all']:.4f}" in printed
    assert semid_evaluate(evaluated.store, "--run-id", "own") == 5  # without the pairs it is another run


def test_a_foreign_table_is_judged_on_the_same_vectors(evaluated: Evaluated, tmp_path: Path) -> None:
    """Our own IDs as somebody's file with level columns: the same numbers, but for the error, which needs a codebook."""
    levels = {f"level_{n + 1}": evaluated.items.codes.str[n].tolist() for n in range(3)}
    table = {"item_id": evaluated.items.item_id.tolist(), **levels}
    pq.write_table(pa.table(table), tmp_path / "codes.parquet")
    assert semid_evaluate(evaluated.store, "--codes", str(tmp_path / "codes.parquet"), "--run-id", "foreign") == 0
    found = report_of(evaluated.store, "foreign")
    assert np.isnan(found.value["relative_error", "all"])
    found = found.drop(index=[("relative_error", "all")])
    ours = evaluated.rows.value.loc[found.index]
    sized = found.index.get_level_values(0).str.contains("dead_codes|gini_l")  # a file does not say how many codes
    pd.testing.assert_series_equal(found.value[~sized], ours[~sized])
    params = json.loads(found.params.iloc[0])
    assert params["codebook_version"] is None
    assert set(params["files"]) == {"codes"}


def test_what_cannot_be_evaluated_is_refused(
    evaluated: Evaluated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No such version 2; no such file, items of another catalog, pairs in three columns 3; nothing is written."""
    before = evaluated.store.version("eval_report")
    stranger = tmp_path / "stranger.parquet"
    pq.write_table(pa.table({"item_id": ["nobody"], "codes": [[1, 2]]}), stranger)
    assert semid_evaluate(evaluated.store, "--version", "9") == 2
    assert "versions: 1" in capsys.readouterr().err
    assert semid_evaluate(evaluated.store, "--codes", str(tmp_path / "missing.parquet")) == 3
    assert semid_evaluate(evaluated.store, "--codes", str(stranger)) == 3
    assert "no item with codes is in the catalog" in capsys.readouterr().err
    assert semid_evaluate(evaluated.store, "--levels", "0") == 2
    assert evaluated.store.version("eval_report") == before


def test_the_release_page_shows_the_newest_evaluation(evaluated: Evaluated, tmp_path: Path) -> None:
    """The section names the run and has its numbers; a foreign table's evaluation is not the codebook's."""
    assert report.main(["--warehouse", evaluated.store.warehouse, "--out", str(tmp_path)]) == 0
    page = Page((tmp_path / "release-2.html").read_text())
    page.check_self_contained()
    assert "Run own of semid evaluate" in page.text
    rows = page.tables["Newest evaluation of this codebook's IDs"]
    shown = {(row[0], row[2]): row[3] for row in rows}
    assert shown["relative_error", "all"] == f"{evaluated.rows.value['relative_error', 'all']:.4f}"
