"""`semid nightly --step`: the steps of one run, one at a time. A whole night of them is in tests/dags."""

from __future__ import annotations

from pathlib import Path

import pytest

from semid.tables.store import Store
from tests import catalog
from tests.nights import NIGHT1, semid_nightly


@pytest.fixture
def feed(tmp_path: Path) -> str:
    return catalog.write_jsonl(catalog.items(20), tmp_path / "feed.jsonl")


def statuses(store: Store) -> dict[str, str]:
    return {row.run_id: row.status for row in store.read("run").collect()}


def test_a_step_before_its_time_is_refused(store: Store, feed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 5 naming every step that is missing; nothing is written."""
    assert semid_nightly(Path(store.warehouse), feed, NIGHT1, "--step", "train_codebook") == 5
    assert "has not done ingest_catalog, embed_items" in capsys.readouterr().err
    assert store.read("codebook").isEmpty()


def test_a_feed_that_changes_between_two_steps_is_refused(
    store: Store, feed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first step, again the first step, then another feed: the next step is of a run that has done nothing.

    Until then the run is partial, its one step done, and its catalog is not ingested twice.
    """
    warehouse = Path(store.warehouse)
    assert [semid_nightly(warehouse, feed, NIGHT1, "--step", "ingest_catalog") for _ in range(2)] == [0, 0]
    (run_id,) = (name for name in statuses(store) if "/" not in name)
    assert statuses(store) == {run_id: "partial", f"{run_id}/ingest_catalog": "done"}
    assert store.read("item_catalog").count() == 20
    catalog.write_jsonl(catalog.items(21), Path(feed))
    assert semid_nightly(warehouse, feed, NIGHT1, "--step", "embed_items") == 5
    assert "feed or configuration have changed since the first step" in capsys.readouterr().err
    assert store.read("item_embedding").isEmpty()
