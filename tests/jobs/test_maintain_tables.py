"""Upkeep: small files become one, old files go, and every kept release stays readable as it was published."""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from semid.cli.job import run_job
from semid.jobs import maintain_tables
from semid.tables import releases
from semid.tables.contract import table_names
from semid.tables.query import open_reader
from semid.tables.store import Store
from semid.tables.switch import roll_back
from tests.small_nights import NIGHT1, NIGHT2, NIGHT3, copy, first_night, night, open_ids, second_night, staged_row

AGES = {1: 90, 2: 60, 3: 20, 4: 0}
"""Release: how many days ago it was published; with 30 days, 3 and 4 are kept."""


def aged(store: Store, days: int, since: dict[str, int]) -> None:
    """Move all commits of each table behind version `since` back in time: in the log and on the disk."""
    then = datetime.now(UTC) - timedelta(days=days)
    for name in table_names():
        folder = Path(store.path(name))
        for commit in (folder / "_delta_log").glob("*.json"):
            if int(commit.name.split(".")[0]) > since.get(name, -1):
                stamp = str(int(then.timestamp() * 1000))
                text = re.sub(
                    r'"(timestamp|deletionTimestamp|modificationTime)":\d+', rf'"\1":{stamp}', commit.read_text()
                )
                commit.write_text(text)
                for crc in (commit.with_name(f".{commit.name}.crc"), commit.with_suffix(".crc")):
                    crc.unlink(missing_ok=True)
                os.utime(commit, (then.timestamp(),) * 2)
        for file in folder.rglob("*.parquet"):
            if file.stat().st_mtime > time.time() - 3600:
                os.utime(file, (then.timestamp(),) * 2)


@pytest.fixture
def old(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Store, dict[int, dict[str, str]]]:
    """Four releases of the ages above, and the open IDs that each has published."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.now(UTC) - timedelta(days=AGES[releases.load(store).next_id])

    made, seen = [first_night, second_night, _third, _fourth], {}
    for number, one in enumerate(made, 1):
        since = {name: store.version(name) for name in table_names()} if number > 1 else {}
        with monkeypatch.context() as patch:
            patch.setattr(releases, "datetime", Clock)
            one(store)
        seen[number] = open_ids(store)
        aged(store, AGES[number], since)
    return copy(store, tmp_path / "old"), seen  # elsewhere: Delta has read the logs of the first place already


def _third(store: Store) -> None:
    night(store, "n3", NIGHT3, {"a": "A3", "b": "B", "d": "D"}, [staged_row("n3", "a", [1, 6], "A3", NIGHT3)])


def _fourth(store: Store) -> None:
    later = NIGHT3 + (NIGHT2 - NIGHT1)
    night(store, "n4", later, {"a": "A4", "b": "B", "d": "D"}, [staged_row("n4", "a", [1, 7], "A4", later)])


def run(store: Store, *flags: str) -> int:
    return run_job(maintain_tables.JOB, ["--warehouse", store.warehouse, *flags])


def ids_at(store: Store, version: int) -> dict[str, str]:
    """The open IDs of a version, as delta-rs reads them."""
    table = DeltaTable(store.path("semantic_id"), version=version).to_pyarrow_table()
    return {r["item_id"]: r["semantic_id"] for r in table.to_pylist() if r["valid_to"] is None}


def test_upkeep_keeps_what_is_promised_and_removes_the_rest(
    old: tuple[Store, dict[int, dict[str, str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Releases 3 and 4 stay readable at their versions, also for a rollback; files of release 1 are gone."""
    store, seen = old
    recorded = {r.release_id: r.table_versions["semantic_id"] for r in releases.load(store).published}
    assert {n: ids_at(store, v) for n, v in recorded.items()} == seen, "before, all four are readable"
    assert run(store, "--dry-run") == 0
    planned = capsys.readouterr().out
    assert "2 release(s) stay readable as published: 3 to 4" in planned
    assert run(store) == 0
    told = capsys.readouterr().out
    assert {n: ids_at(store, recorded[n]) for n in (3, 4)} == {n: seen[n] for n in (3, 4)}
    with pytest.raises(Exception, match=r"(?i)no such|not found|not exist|invalid|version|no files in log"):
        ids_at(store, recorded[1])
    assert open_ids(store) == seen[4]
    current = open_reader(store.warehouse).mappings("SELECT item_id, semantic_id FROM semantic_id_current")
    assert {row["item_id"]: row["semantic_id"] for row in current} == seen[4]
    (stored,) = store.read("run").where("job = 'maintain_tables'").collect()
    report = json.loads(stored.metrics)
    assert report["kept"] == [3, 4]
    appended, ids = report["tables"]["release"], report["tables"]["semantic_id"]
    assert (appended["before"]["files"], appended["after"]["files"]) == (4, 1)
    assert ids["before"]["stored_files"] > ids["after"]["stored_files"]
    line = next(line for line in told.splitlines() if line.startswith("semantic_id "))
    numbers = [ids["days"], *[ids[when][key] for key in ("files", "stored_files") for when in ("before", "after")]]
    assert line.split()[1:6] == [str(n) for n in numbers]
    roll_back(store, 3, "back", NIGHT3 + 2 * (NIGHT2 - NIGHT1))
    assert open_ids(store) == seen[3]


def test_a_dry_run_writes_nothing_and_short_retentions_are_refused(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """No table moves and no property is set; fewer than seven days is a usage error."""
    first_night(store)
    before = {name: store.version(name) for name in table_names()}
    assert run(store, "--dry-run") == 0
    assert {name: store.version(name) for name in table_names()} == before
    assert "semantic_id_change" in capsys.readouterr().out
    with pytest.raises(SystemExit) as refused:
        run(store, "--keep-days", "6")
    assert refused.value.code == 2
