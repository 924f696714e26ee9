"""A night without a change: the steps that would compare every item find out without doing so; the gate looks at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from semid.jobs import assign_ids, embed_items
from semid.tables import publish
from semid.tables.store import Store
from tests.nights import Nights, semid_nightly


@pytest.fixture
def store(nights: Nights, tmp_path: Path) -> Store:
    shutil.copytree(nights.warehouse, tmp_path / "warehouse")
    return Store(nights.store.spark, str(tmp_path / "warehouse"))


def steps(store: Store, day: str) -> dict[str, dict[str, object]]:
    rows = store.read("run").where(f"run_date = '{day}' AND run_id LIKE '%/%'").collect()
    return {row.job: {"rows_in": row.rows_in, "rows_out": row.rows_out, **json.loads(row.metrics)} for row in rows}


def test_a_quiet_night_compares_no_items(nights: Nights, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what the night before said of the same catalog, and publishes a release that changes nothing."""
    for module, name in ((embed_items, "embed_model"), (assign_ids, "assign"), (publish, "planned")):
        monkeypatch.setattr(module, name, lambda *_: pytest.fail("items were compared"))
    assert semid_nightly(Path(store.warehouse), nights.feeds[1], "2026-01-07") == 0
    before, quiet = steps(store, "2026-01-06"), steps(store, "2026-01-07")
    contents = before["embed_items"]["rows_in"]
    assert (quiet["embed_items"]["embedded"], quiet["embed_items"]["reused"]) == (0, contents)
    assert quiet["embed_items"]["rows_in"] == contents > 0
    assert quiet["assign_ids"]["rows_out"] == 0
    counts = store.read("release").orderBy("release_id").collect()[-1].counts
    assert {name: counts[name] for name in ("added", "changed", "removed")} == {"added": 0, "changed": 0, "removed": 0}
    checks = [
        {row.metric for row in store.read("drift_report").where(f"run_id LIKE 'nightly-{day}%'").collect()}
        for day in ("2026-01-06", "2026-01-07")
    ]
    assert checks[1] >= {"uncovered_items", "churn_unchanged_content", "unreproduced_codes", "shared_ids"} & checks[0]


def test_a_lost_id_is_given_again_in_a_night_without_a_change(nights: Nights, store: Store) -> None:
    """Somebody deletes a row of the IDs: the same feed brings it back, with the codes that it had."""
    current = "valid_to IS NULL AND codebook_version = 1"
    lost = store.read("semantic_id").where(current).orderBy("item_id").first()
    store.delta("semantic_id").delete(f"item_id = '{lost.item_id}' AND valid_to IS NULL")
    assert semid_nightly(Path(store.warehouse), nights.feeds[1], "2026-01-07") == 0
    (found,) = store.read("semantic_id").where(f"{current} AND item_id = '{lost.item_id}'").collect()
    assert found.semantic_id == lost.semantic_id


def test_a_run_killed_behind_its_release_is_done_and_stays_what_it_was(nights: Nights, store: Store) -> None:
    """Its row still says running: the same command closes it, with its inputs and the moment it began, then does nothing."""
    run_id = store.read("release").where("release_id = 2").collect()[0].run_id
    store.delta("run").update(f"run_id = '{run_id}'", {"status": "'running'", "ended_at": "null"})
    (killed,) = store.read("run").where(f"run_id = '{run_id}'").collect()
    for _ in range(2):
        assert semid_nightly(Path(store.warehouse), nights.feeds[1], "2026-01-06") == 0
        (found,) = store.read("run").where(f"run_id = '{run_id}'").collect()
        assert found.status == "done"
        assert found.ended_at >= found.started_at == killed.started_at
        assert (found.inputs, found.config) == (killed.inputs, killed.config)
    assert store.read("release").count() == 2
