"""A codebook's successor, from shadow to active: who is assigned under which version, and what readers see."""

from __future__ import annotations

import ast
import json
import logging
import re
import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

from semid.cli.job import run_job
from semid.jobs import backfill, promote, retrain
from semid.tables import releases
from semid.tables.intervals import only_open
from semid.tables.query import open_reader
from semid.tables.store import Store
from tests import catalog
from tests.nights import NIGHT1, NIGHT2, SETTINGS, Nights, semid_nightly
from tests.small_nights import copy

DAY3, DAY4, DAY5 = "2026-01-07", "2026-01-08", "2026-01-09"


@dataclass(frozen=True)
class Story:
    """A warehouse that retrained in the shadow, ran a night, and promoted."""

    store: Store
    before: dict[str, str]
    exit_codes: tuple[int, ...]
    feed: list[dict[str, object]]


def ids_of(store: Store, version: int, release: int | None = None) -> dict[str, str]:
    """Return item -> open ID of a codebook version, now or as a release left it."""
    at = None if release is None else recorded(store, release)["semantic_id"]
    rows = only_open(store.read("semantic_id", at), [version]).select("item_id", "semantic_id").collect()
    return {row.item_id: row.semantic_id for row in rows}


def recorded(store: Store, release: int) -> dict[str, int]:
    return next(row.table_versions for row in releases.load(store).rows if row.release_id == release)


@pytest.fixture(scope="module")
def story(nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Shadow retrain (release 3), a night with two new and one edited item (4), promotion (5)."""
    folder = tmp_path_factory.mktemp("retrain")
    shutil.copytree(nights.warehouse, folder / "warehouse")
    store = Store(nights.store.spark, str(folder / "warehouse"))
    before = ids_of(store, 1)
    flags = ["--warehouse", store.warehouse, *SETTINGS]
    codes = [run_job(retrain.JOB, [*flags, "--run-date", DAY3, "--shadow"])]
    rows = catalog.second_night(catalog.items())[:-2]
    rows[0]["title"] = "something else altogether"
    rows += [dict(row, item_id=f"m{number}") for number, row in enumerate(catalog.items(2, seed=5))]
    feed = catalog.write_jsonl(rows, folder / "feed.jsonl")
    codes.append(semid_nightly(folder / "warehouse", feed, DAY4))
    codes.append(run_job(promote.JOB, ["--warehouse", store.warehouse, "--run-date", DAY5, "--version", "2"]))
    return Story(store, before, tuple(codes), rows)


def test_the_successor_goes_from_shadow_to_active_in_one_release_row_each(story: Story) -> None:
    """Shadow: served, not active. A night keeps both current. Promotion moves the pointer and no row."""
    assert story.exit_codes == (0, 0, 0)
    shadow, night, moved = releases.load(story.store).published[-3:]
    assert (shadow.kind, shadow.codebook_version, shadow.serving_versions) == ("retrain", 1, (1, 2))
    assert (night.kind, night.codebook_version, night.serving_versions) == ("nightly", 1, (1, 2))
    assert (moved.kind, moved.codebook_version, moved.serving_versions) == ("retrain", 2, (1, 2))
    assert moved.table_versions["semantic_id"] == night.table_versions["semantic_id"]


def test_a_promotion_given_again_is_the_same_run_and_names_its_release(
    story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    """Exit 0 and no release, also with a run id of one's own; another version under that id is refused."""
    flags = ["--warehouse", story.store.warehouse, "--run-date", DAY5]
    logging.getLogger("semid").addHandler(caplog.handler)
    assert run_job(promote.JOB, [*flags, "--version", "2"]) == 0
    logging.getLogger("semid").removeHandler(caplog.handler)
    moved = releases.load(story.store).published[-1]
    assert f"nothing to do: release {moved.release_id} made codebook version 2 active" in caplog.text
    mine = [*flags, "--run-id", "mine"]
    assert [run_job(promote.JOB, [*mine, "--version", n]) for n in ("2", "2", "3")] == [0, 0, 5]
    assert releases.load(story.store).published[-1] == moved


def test_a_shadow_leaves_the_active_ids_alone_and_covers_every_item(story: Story) -> None:
    """After the shadow release version 1 is as before; version 2 has one ID per item, no ID twice."""
    assert ids_of(story.store, 1, release=3) == story.before
    new = ids_of(story.store, 2, release=3)
    assert new.keys() == story.before.keys()
    assert len(set(new.values())) == len(new)


def test_a_night_gives_arrivals_an_id_under_every_served_version(story: Story) -> None:
    """The items of the feed have one ID in each version; the others keep theirs in both."""
    wanted = {row["item_id"] for row in story.feed}
    arrived = {"m0", "m1", story.feed[0]["item_id"]}
    for version in (1, 2):
        before, after = ids_of(story.store, version, release=3), ids_of(story.store, version, release=4)
        assert after.keys() == wanted
        assert {item: after[item] for item in wanted - arrived} == {item: before[item] for item in wanted - arrived}


def test_most_ids_survive_the_promotion_and_the_gate_reports_how_many(story: Story) -> None:
    """Churn in drift_report equals a count by hand from the two versions' codes at the shadow release."""
    old, new = (
        {row.item_id: tuple(row.codes) for row in only_open(frame, [version]).collect()}
        for version in (1, 2)
        for frame in [story.store.read("semantic_id", recorded(story.store, 3)["semantic_id"])]
    )
    run_id = releases.load(story.store).rows[2].run_id
    report = story.store.read("drift_report").where(f"run_id = '{run_id}' AND metric = 'churn'").collect()
    by_hand = [sum(old[i][:depth] != new[i][:depth] for i in old) / len(old) for depth in (1, 2, 3)]
    assert [row.value for row in sorted(report, key=lambda row: row.level)] == pytest.approx(by_hand)
    assert {row.cohort for row in report} == {"promotion@v2"}
    assert by_hand[2] < 0.5  # a cold refit moves nearly every ID of so small a catalog


def test_the_retrain_dag_asks_for_the_same_churn(story: Story) -> None:
    """Its query, answered without Spark, gives the values of drift_report from the first code to the full one."""
    tree = ast.parse((Path(__file__).parents[2] / "airflow_dags" / "retrain.py").read_text())
    (query,) = (n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "CHURN")
    asked = open_reader(story.store.warehouse).mappings(ast.literal_eval(query).format(version=2))
    rows = story.store.read("drift_report").where("metric = 'churn' AND cohort = 'promotion@v2'").collect()
    assert [(row["level"], row["value"]) for row in asked] == sorted((row.level, row.value) for row in rows)
    assert [row["level"] for row in asked] == [1, 2, 3]


def test_promotion_tells_consumers_where_every_item_moved(story: Story) -> None:
    """One change row per item with both IDs; `kept` exactly where the printed ID stayed."""
    rows = story.store.read("semantic_id_change").where("release_id = 5").collect()
    found = {row.item_id: (row.from_version, row.to_version, row.old_semantic_id, row.new_semantic_id) for row in rows}
    old, new = ids_of(story.store, 1), ids_of(story.store, 2)
    assert found == {item: (1, 2, old[item], new[item]) for item in new}
    assert {row.item_id for row in rows if row.reason == "kept"} == {item for item in new if old[item] == new[item]}
    assert {row.reason for row in rows} <= {"kept", "codebook"}


def test_code_map_adds_up(story: Story) -> None:
    """At each level the weights are the items of both versions, and each new code's shares add up to one."""
    rows = story.store.read("code_map").collect()
    by_level = {level: sum(row.weight for row in rows if row.level == level) for level in (1, 2, 3)}
    assert by_level == dict.fromkeys((1, 2, 3), len(story.before))
    for level, code in {(row.level, row.new_code) for row in rows}:
        shares = [row.purity for row in rows if (row.level, row.new_code) == (level, code)]
        assert sum(shares) == pytest.approx(1)


def test_the_recipe_for_consumers_moves_a_trained_table(story: Story) -> None:
    """The SQL of docs/operations.md, on a table whose values name their code: the purity-weighted means."""
    page = Path(__file__).parents[2] / "docs" / "operations.md"
    (recipe,) = re.findall(r"```sql\n([^`]*FROM code_map[^`]*)```", page.read_text())
    spark = story.store.spark.newSession()  # views of its own
    code_map = spark.read.format("delta").load(str(story.store.path("code_map")))
    rows = [
        (level, code, position, 10.0 * code + position)
        for level in (1, 2, 3)
        for code in range(16)
        for position in (0, 1)
    ]
    spark.createDataFrame(rows, "level INT, code INT, position INT, value DOUBLE").createTempView("old_embedding")
    code_map.createTempView("code_map")
    moved = {(row.level, row.code, row.position): row.value for row in spark.sql(recipe).collect()}
    shares = defaultdict(list)
    for row in code_map.collect():
        shares[row.level, row.new_code].append((row.purity, row.old_code))
    expected = {
        (level, code, position): sum(share * (10 * old + position) for share, old in taken) / sum(s for s, _ in taken)
        for (level, code), taken in shares.items()
        for position in (0, 1)
    }
    assert moved == pytest.approx(expected)


def test_the_successor_says_what_it_came_from(story: Story) -> None:
    """Warm-started from version 1, aligned on every content it knew."""
    row = story.store.read("codebook").where("codebook_version = 2").collect()[0]
    metrics = json.loads(row.metrics)
    assert (row.parent_version, metrics["start"]) == (1, "warm")
    contents = story.store.read("semantic_id", recorded(story.store, 2)["semantic_id"]).where("valid_to IS NULL")
    assert metrics["aligned_on"] == contents.select("content_hash").distinct().count()


def test_a_retrain_before_the_first_night_is_refused(
    store: Store, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Exit 2, with what to do first."""
    assert run_job(retrain.JOB, ["--warehouse", str(tmp_path / "warehouse"), *SETTINGS, "--run-date", DAY3]) == 2
    assert "there is no active codebook to follow" in capsys.readouterr().err


def valid(store: Store, version: int, day: str) -> dict[str, tuple[str, str]]:
    rows = store.read("semantic_id").where(f"codebook_version = {version} AND valid_from <= '{day}'")
    rows = rows.where(f"valid_to IS NULL OR valid_to > '{day}'").collect()
    assert len(rows) == len({row.item_id for row in rows})
    return {row.item_id: (row.content_hash, row.semantic_id) for row in rows}


def test_a_codebook_is_given_to_the_dates_before_it_came(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Logs of both nights before the retrain join to version 2; every row that was there stays; done is done."""
    store = copy(story.store, tmp_path / "warehouse")
    days = (NIGHT1, NIGHT2, DAY3, DAY4, DAY5)
    before = {(version, day): valid(store, version, day) for version in (1, 2) for day in days}
    assert not before[2, NIGHT1]
    flags = ["--warehouse", store.warehouse, "--codebook", "2", *SETTINGS]
    assert run_job(backfill.JOB, [*flags, "--dry-run"]) == 0
    assert "2 date(s) to assign with version 2, 0 done" in capsys.readouterr().out
    assert run_job(backfill.JOB, flags) == 0
    after = {key: valid(store, *key) for key in before}
    for day in (NIGHT1, NIGHT2):
        contents = {item: content for item, (content, _) in before[1, day].items()}
        assert {item: content for item, (content, _) in after[2, day].items()} == contents
        kept = {item for item, (content, _) in after[2, day].items() if before[2, DAY3].get(item, ("",))[0] == content}
        assert {item: after[2, day][item] for item in kept} == {item: before[2, DAY3][item] for item in kept}
        assert len(kept) > 280
    assert {key for key in before if before[key] != after[key]} == {(2, NIGHT1), (2, NIGHT2)}
    given = store.read("semantic_id").select("codebook_version", "semantic_id", "item_id").distinct()
    assert given.groupBy("codebook_version", "semantic_id").count().where("count > 1").isEmpty()
    ledger = store.read("semantic_id_change").where("to_version = 2").select("item_id", "new_semantic_id")
    ids = store.read("semantic_id").where("codebook_version = 2").select("item_id", "semantic_id")
    assert ids.subtract(ledger).isEmpty()
    capsys.readouterr()
    assert run_job(backfill.JOB, [*flags, "--dry-run"]) == 0
    assert "0 date(s) to assign with version 2, 2 done" in capsys.readouterr().out
    assert run_job(backfill.JOB, ["--warehouse", store.warehouse, "--codebook", "7", *SETTINGS]) == 2
