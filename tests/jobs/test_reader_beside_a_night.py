"""Somebody reads through DuckDB again and again while a night runs: the state before or the state after, nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from semid.tables.query import open_reader
from tests.nights import Nights, semid_nightly
from tests.small_nights import copy

pytestmark = pytest.mark.spark

STATE = {
    "IDs": "SELECT item_id, semantic_id, valid_from FROM semantic_id_current ORDER BY item_id",
    "history": "SELECT item_id, semantic_id, valid_from, valid_to FROM semantic_id ORDER BY item_id, valid_from",
    "yesterday": "SELECT item_id, semantic_id FROM semantic_id_as_of(DATE '2026-01-06') ORDER BY item_id",
    "changes": "SELECT release_id, item_id, new_semantic_id, reason FROM semantic_id_change ORDER BY release_id, item_id",
    "releases": "SELECT release_id, counts['items'] AS items FROM published_release ORDER BY release_id",
}


def state(warehouse: Path) -> tuple[object, ...]:
    """What a reader that opens the warehouse now is shown, in all tables that a release writes."""
    reader = open_reader(str(warehouse))
    return tuple(tuple(reader.ask(sql).rows) for sql in STATE.values())


def test_a_reader_sees_the_release_before_or_the_one_after(nights: Nights, tmp_path: Path) -> None:
    """The first feed comes again on a third night: 5 items return, 6 edits and 7 additions are taken back."""
    warehouse = Path(copy(nights.store, tmp_path / "warehouse").warehouse)
    before, seen, done = state(warehouse), [], Event()
    held = open_reader(str(warehouse))

    def look() -> None:
        while not done.wait(0.1):  # a pause, so that the night has the cores for most of the time
            seen.append(state(warehouse))

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        try:
            assert semid_nightly(warehouse, nights.feeds[0], "2026-01-07") == 0
        finally:
            done.set()
        looking.result()
    after = state(warehouse)
    assert [len(part) for part in before] != [len(part) for part in after]
    assert before[0] != after[0]
    # Never back from the new state to the old one, and the night was looked at from its start.
    assert seen[0] == before
    changed = next((i for i, found in enumerate(seen) if found != before), len(seen))
    assert set(seen[changed:]) <= {after}
    assert tuple(tuple(held.ask(sql).rows) for sql in STATE.values()) == before
