"""Publishing: validity intervals, the change table, interrupted and repeated releases."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from semid.errors import ConfigError, RunConflict
from semid.tables import commit as committing
from semid.tables import releases
from semid.tables.commit import finish_interrupted
from semid.tables.publish import Publication, publish
from semid.tables.store import Store

NIGHT1, NIGHT2, NIGHT3 = date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)


def catalog_row(item: str, content: str, active: bool = True) -> dict[str, object]:
    return {
        "item_id": item,
        "text": content,
        "content_hash": content,
        "is_active": active,
        "first_seen": NIGHT1,
        "changed_on": NIGHT1,
        "run_id": "r",
    }


def staged_row(run: str, item: str, codes: list[int], content: str, day: date, index: int = 0) -> dict[str, object]:
    body = "-".join(map(str, codes))
    return {
        "run_id": run,
        "codebook_version": 1,
        "item_id": item,
        "semantic_id": f"{body}#{index}" if index else body,
        "codes": codes,
        "prefixes": ["-".join(map(str, codes[: n + 1])) for n in range(len(codes))],
        "dedup_index": index,
        "content_hash": content,
        "quantization_error": 0.5,
        "valid_from": day,
    }


def night(store: Store, run: str, day: date, catalog: dict[str, str], staged: list[dict[str, object]]):
    """Replace the catalog, stage rows and publish them."""
    known = {row.item_id: row.content_hash for row in store.read("item_catalog").collect()}
    gone = [catalog_row(item, known[item], active=False) for item in known.keys() - catalog.keys()]
    rows = [catalog_row(item, content) for item, content in catalog.items()] + gone
    store.replace_where(store.frame(rows, "item_catalog"), "item_catalog", "true")
    store.append_rows(staged, "semantic_id_staged")
    kind = "nightly" if known else "bootstrap"
    return publish(store, Publication(run, day, kind, 1, (1,), "pass", 0))


def intervals(store: Store) -> list[tuple[object, ...]]:
    rows = store.read("semantic_id").collect()
    return sorted((r.item_id, r.semantic_id, str(r.valid_from), str(r.valid_to)) for r in rows)


def changes(store: Store, release_id: int) -> list[tuple[object, ...]]:
    rows = store.read("semantic_id_change").where(f"release_id = {release_id}").collect()
    return sorted((r.item_id, r.old_semantic_id, r.new_semantic_id, r.common_prefix, r.reason) for r in rows)


def first_night(store: Store):
    return night(
        store,
        "n1",
        NIGHT1,
        {"a": "A", "b": "B", "c": "C"},
        [
            staged_row("n1", "a", [1, 2], "A", NIGHT1),
            staged_row("n1", "b", [1, 2], "B", NIGHT1, 1),
            staged_row("n1", "c", [3, 4], "C", NIGHT1),
        ],
    )


def test_second_night_closes_changed_and_removed_rows_and_leaves_the_others(store: Store) -> None:
    """An edited item gets a new interval, a removed one loses its open one, the rest is not rewritten."""
    first = first_night(store)
    staged = [staged_row("n2", "a", [1, 5], "A2", NIGHT2), staged_row("n2", "d", [7, 7], "D", NIGHT2)]
    second = night(store, "n2", NIGHT2, {"a": "A2", "b": "B", "d": "D"}, staged)
    assert intervals(store) == [
        ("a", "1-2", "2026-01-01", "2026-01-02"),
        ("a", "1-5", "2026-01-02", "None"),
        ("b", "1-2#1", "2026-01-01", "None"),
        ("c", "3-4", "2026-01-01", "2026-01-02"),
        ("d", "7-7", "2026-01-02", "None"),
    ]
    assert changes(store, 2) == [
        ("a", "1-2", "1-5", 1, "content"),
        ("c", "3-4", None, 0, "removed"),
        ("d", None, "7-7", 0, "added"),
    ]
    assert (first.kind, second.kind) == ("bootstrap", "nightly")
    assert second.counts == {
        "added": 1,
        "changed": 1,
        "removed": 1,
        "unchanged": 1,
        "items": 3,
        "quarantined": 0,
    }


def test_two_releases_on_one_date_replace_that_days_interval(store: Store) -> None:
    """A corrected feed of the same date rewrites the day's rows: no interval overlaps, none has length zero."""
    first_night(store)
    night(store, "n2", NIGHT2, {"a": "A2", "b": "B", "c": "C", "d": "D"}, [
        staged_row("n2", "a", [1, 5], "A2", NIGHT2),
        staged_row("n2", "d", [7, 7], "D", NIGHT2),
    ])  # fmt: skip
    night(store, "n2b", NIGHT2, {"a": "A3", "b": "B", "c": "C"}, [staged_row("n2b", "a", [1, 6], "A3", NIGHT2)])
    assert intervals(store) == [
        ("a", "1-2", "2026-01-01", "2026-01-02"),
        ("a", "1-6", "2026-01-02", "None"),
        ("b", "1-2#1", "2026-01-01", "None"),
        ("c", "3-4", "2026-01-01", "None"),
    ]
    assert changes(store, 3) == [("a", "1-5", "1-6", 1, "content"), ("d", "7-7", None, 0, "removed")]


def test_a_night_without_changes_is_a_release_but_no_commit(store: Store) -> None:
    """Nothing changed: the ID table keeps its version, the release row still says that the night was fine."""
    first_night(store)
    version = store.version("semantic_id")
    second = night(store, "n2", NIGHT2, {"a": "A", "b": "B", "c": "C"}, [])
    assert store.version("semantic_id") == version
    assert (second.release_id, second.counts["unchanged"]) == (2, 3)


@pytest.mark.parametrize("dies_in", ["changed_ids", "_announce"])
def test_a_publish_killed_after_its_merge_is_finished_by_the_next_run(
    store: Store, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    """Killed between MERGE, change rows and release row: what follows equals an undisturbed publish."""
    first_night(store)
    staged = [staged_row("n2", "a", [1, 5], "A2", NIGHT2)]

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(committing, dies_in, die)
        with pytest.raises(KeyboardInterrupt):
            night(store, "n2", NIGHT2, {"a": "A2", "b": "B"}, staged)
    assert releases.load(store).current.release_id == 1
    finish_interrupted(store)
    finish_interrupted(store)
    release = releases.load(store).current
    assert (release.release_id, release.run_id, release.run_date) == (2, "n2", NIGHT2)
    assert release.counts == {
        "added": 0,
        "changed": 1,
        "removed": 1,
        "unchanged": 1,
        "items": 2,
        "quarantined": 0,
    }
    assert changes(store, 2) == [("a", "1-2", "1-5", 1, "content"), ("c", "3-4", None, 0, "removed")]


def test_an_older_date_and_a_moved_catalog_are_refused(store: Store) -> None:
    """Neither a date before the current release nor rows staged for another catalog get in."""
    first_night(store)
    night(store, "n2", NIGHT3, {"a": "A", "b": "B", "c": "C"}, [])
    with pytest.raises(ConfigError, match="2026-01-02 lies before"):
        night(store, "n3", NIGHT2, {"a": "A", "b": "B", "c": "C"}, [])
    with pytest.raises(RunConflict, match="1 active item"):
        night(store, "n4", NIGHT3, {"a": "A", "b": "B", "c": "changed meanwhile"}, [])
    assert releases.load(store).current.release_id == 2


def test_blocked_release_is_recorded_once_and_changes_nothing(store: Store) -> None:
    """A blocked attempt leaves a row that says so; readers stay with the published release."""
    first_night(store)
    for _ in range(2):
        releases.record_blocked(store, "n2", NIGHT2)
    rows = [(r.release_id, r.status) for r in store.read("release").orderBy("release_id").collect()]
    assert rows == [(1, "published"), (2, "blocked")]
    assert releases.load(store).current.release_id == 1
    assert releases.load(store).current.created_at.replace(tzinfo=UTC) < datetime.now(UTC)
