"""Missed nights are made up for: what is replayed, what is refused, and that every date keeps its IDs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from semid.cli.job import run_job
from semid.jobs import backfill
from semid.tables import releases
from semid.tables.contract import table_names
from semid.tables.lock import writing
from semid.tables.query import open_reader
from semid.tables.store import Store
from semid.tables.views import register
from tests import catalog, small_nights
from tests.nights import NIGHT1, NIGHT2, SETTINGS, Nights, semid_nightly

NIGHT3, NIGHT4 = "2026-01-07", "2026-01-08"


def run_backfill(warehouse: object, feeds: Path, start: str, end: str, *more: str) -> int:
    template = str(feeds / "{date:%Y%m%d}.jsonl")
    flags = ["--warehouse", str(warehouse), "--catalog", template, "--start", start, "--end", end]
    return run_job(backfill.JOB, [*flags, *SETTINGS, *more])


def feed_of(feeds: Path, day: str) -> Path:
    return feeds / f"{day.replace('-', '')}.jsonl"


def versions(store: Store, *but: str) -> dict[str, int]:
    return {name: store.version(name) for name in table_names() if name not in but}


@pytest.fixture(scope="module")
def feeds(nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feeds of two more nights: each lacks three items, edits four and brings two; the last one is still empty."""
    folder = tmp_path_factory.mktemp("feeds")
    rows = catalog.second_night(catalog.items())[:-2]
    for number, day in enumerate((NIGHT3, NIGHT4)):
        rows = [dict(row) for row in rows[3:]]
        for row in rows[10:14]:
            row["title"] = f"{row['title']}, batch {number}"
        rows += [dict(row, item_id=f"late{number}{row['item_id']}") for row in catalog.items(2, seed=7 + number)]
        catalog.write_jsonl(rows, feed_of(folder, day))
    feed_of(folder, NIGHT4).rename(folder / "whole")
    feed_of(folder, NIGHT4).write_text("")
    return folder


@pytest.fixture(scope="module")
def stopped(nights: Nights, feeds: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, int]:
    """A warehouse whose backfill came to an empty feed, and what it ended with."""
    store = small_nights.copy(nights.store, tmp_path_factory.mktemp("backfill") / "warehouse")
    return store, run_backfill(store.warehouse, feeds, NIGHT2, NIGHT4)


@pytest.fixture(scope="module")
def filled(stopped: tuple[Store, int], feeds: Path) -> Store:
    """The same warehouse once the feed was delivered and the same backfill run again."""
    (feeds / "whole").rename(feed_of(feeds, NIGHT4))
    assert run_backfill(stopped[0].warehouse, feeds, NIGHT2, NIGHT4) == 0
    return stopped[0]


def test_a_dry_run_tells_the_rows_and_writes_nothing(
    nights: Nights, feeds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One night done, one to replay with the rows of its feed; no table moves, and no warehouse is made."""
    before = versions(nights.store)
    assert run_backfill(nights.warehouse, feeds, NIGHT2, NIGHT3, "--dry-run") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("1 of 2 nights to replay")
    assert told[1].split()[:4] == [NIGHT2, "done", "release", "2"]
    assert told[2].split()[:2] == [NIGHT3, "replay"]
    assert told[2].split()[3:] == ["301", "rows", "301", "items", "0", "quarantined"]
    assert versions(nights.store) == before
    assert run_backfill(tmp_path / "new", feeds, NIGHT3, NIGHT3, "--dry-run") == 0
    assert not (tmp_path / "new").exists()


def test_a_refused_feed_stops_the_backfill_and_keeps_the_nights_before_it(stopped: tuple[Store, int]) -> None:
    """Exit 3 at the empty feed of the second night; the first night is published."""
    store, code = stopped
    assert code == 3
    assert [str(r.run_date) for r in releases.load(store).published][:3] == [NIGHT1, NIGHT2, NIGHT3]


def test_the_same_command_goes_on_at_the_first_unfinished_date(filled: Store) -> None:
    """Each date has one release, the replayed ones of kind backfill, with the counts of their feeds."""
    made = releases.load(filled).published
    assert [(r.kind, str(r.run_date)) for r in made] == [
        ("bootstrap", NIGHT1),
        ("nightly", NIGHT2),
        ("backfill", NIGHT3),
        ("backfill", NIGHT4),
    ]
    assert [[r.counts[name] for name in ("added", "changed", "removed", "items")] for r in made[2:]] == [
        [2, 4, 3, 301],
        [2, 4, 3, 300],
    ]


def test_the_ids_of_every_date_are_reproducible_in_both_engines(filled: Store, nights: Nights, feeds: Path) -> None:
    """`semantic_id_as_of` shows on each date the items of its feed; on the dates before, what it showed before."""
    register(filled)
    reader, before = open_reader(filled.warehouse), open_reader(str(nights.warehouse))
    for day in (NIGHT1, NIGHT2, NIGHT3, NIGHT4):
        query = f"SELECT item_id, semantic_id, content_hash FROM semantic_id_as_of(DATE '{day}') ORDER BY item_id"
        found = [tuple(row.values()) for row in reader.mappings(query)]
        assert found == [tuple(row) for row in filled.spark.sql(query).collect()]
        if day in (NIGHT1, NIGHT2):
            assert found == [tuple(row.values()) for row in before.mappings(query)]
        else:
            fed = [json.loads(line)["item_id"] for line in feed_of(feeds, day).read_text().splitlines()]
            assert [row[0] for row in found] == sorted(fed)


def test_a_replayed_night_is_the_nightly_run_of_its_date(filled: Store, feeds: Path) -> None:
    """The nightly job knows it by its run id and finds nothing to do; so does the backfill itself."""
    before = versions(filled, "run")
    assert semid_nightly(Path(filled.warehouse), str(feed_of(feeds, NIGHT4)), NIGHT4) == 0
    assert run_backfill(filled.warehouse, feeds, NIGHT2, NIGHT4) == 0
    assert versions(filled, "run") == before


def test_missing_feeds_are_all_named_before_any_night_starts(
    nights: Nights, feeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 3: the feeds of two dates are not there, so the one that is there is not replayed either."""
    before = versions(nights.store, "run")
    assert run_backfill(nights.warehouse, feeds, NIGHT3, "2026-01-10") == 3
    told = capsys.readouterr().err
    assert "2 of 4 feeds cannot be had" in told
    assert all(day in told for day in ("2026-01-09", "2026-01-10"))
    assert versions(nights.store, "run") == before


def test_what_a_backfill_may_not_do_is_refused(nights: Nights, feeds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A date before the current release, one feed for two dates, and a warehouse that another run holds."""
    before = versions(nights.store, "run")
    assert run_backfill(nights.warehouse, feeds, "2026-01-04", NIGHT2) == 2
    assert "1 date(s) have no release and lie before the current one of 2026-01-06" in capsys.readouterr().err
    assert run_backfill(nights.warehouse, feeds, NIGHT3, NIGHT4, "--catalog", nights.feeds[0]) == 2
    assert "has no {date} in it" in capsys.readouterr().err
    with writing(str(nights.warehouse), "nightly of 2026-01-07"):
        assert run_backfill(nights.warehouse, feeds, NIGHT3, NIGHT3) == 5
    assert "another run holds the warehouse: nightly of 2026-01-07" in capsys.readouterr().err
    assert versions(nights.store, "run") == before


def test_a_rebuilt_date_is_that_of_its_corrected_feed_and_no_other_date_moves(
    filled: Store, feeds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The third night's feed comes again with an item edited, one gone and one new: only that date shows it."""
    store = small_nights.copy(filled, tmp_path / "warehouse")
    rows = [json.loads(line) for line in feed_of(feeds, NIGHT3).read_text().splitlines()][1:]
    rows[40]["title"] = f"{rows[40]['title']}, corrected"
    rows.append(dict(rows[41], item_id="only-then"))
    corrected = catalog.write_jsonl(rows, feed_of(tmp_path / "corrected", NIGHT3))
    before = {day: as_of(store, day) for day in (NIGHT1, NIGHT2, NIGHT3, NIGHT4)}
    active = sorted(map(str, store.read("item_catalog").collect()))
    assert run_backfill(store.warehouse, Path(corrected).parent, NIGHT3, NIGHT3, "--rebuild", "--dry-run") == 0
    assert "until 2026-01-08  301 items so far" in capsys.readouterr().out
    assert run_backfill(store.warehouse, Path(corrected).parent, NIGHT3, NIGHT3, "--rebuild") == 0
    after = {day: as_of(store, day) for day in before}
    assert {day for day in before if before[day] != after[day]} == {NIGHT3}
    assert after[NIGHT3].keys() == {row["item_id"] for row in rows}
    same = {item for item in after[NIGHT3] if before[NIGHT3].get(item) == after[NIGHT3][item]}
    assert after[NIGHT3].keys() - same == {rows[40]["item_id"], "only-then"}
    assert after[NIGHT3]["only-then"] not in {sid for ids in before.values() for sid in ids.values()}
    assert sorted(map(str, store.read("item_catalog").collect())) == active
    assert run_backfill(store.warehouse, feeds, NIGHT4, NIGHT4, "--rebuild") == 2
    assert "does not lie before the current release" in capsys.readouterr().err


def as_of(store: Store, day: str) -> dict[str, str]:
    rows = open_reader(store.warehouse).mappings(f"SELECT item_id, semantic_id FROM semantic_id_as_of(DATE '{day}')")
    return {row["item_id"]: row["semantic_id"] for row in rows}
