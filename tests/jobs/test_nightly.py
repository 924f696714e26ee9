"""Two nights end to end, in one session: what is published, what is not done again, what is refused."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from semid.tables import releases
from semid.tables.contract import table_names
from semid.tables.lock import writing
from semid.tables.store import Store
from tests import catalog
from tests.nights import NIGHT1, NIGHT2, Nights, semid_nightly

PUBLISHED = ["item_id", "semantic_id", "codes", "prefixes", "dedup_index", "content_hash", "quantization_error"]


def test_two_nights_publish_two_releases(nights: Nights) -> None:
    """Both nights end with 0 and their counts are those of the feeds."""
    assert nights.exit_codes == (0, 0)
    first, second = (nights.store.read("release").where(f"release_id = {n}").collect()[0].asDict() for n in (1, 2))
    assert (first["kind"], first["counts"]["added"], first["counts"]["items"]) == ("bootstrap", 300, 300)
    counts = second["counts"]
    assert (counts["added"], counts["changed"], counts["removed"], counts["quarantined"]) == (7, 6, 5, 2)
    assert counts["unchanged"] == 300 - 5 - 6


def test_each_night_leaves_its_metrics(nights: Nights) -> None:
    """A line for each with the counts of table run, and Prometheus files of the last one."""
    folder = nights.warehouse / "_metrics"
    lines = [json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()][:2]
    rows = {row.run_id: row for row in nights.store.read("run").collect()}
    for line in lines:
        assert (line["job"], line["status"], line["exit_code"]) == ("nightly", "done", 0)
        assert line["metrics"] == json.loads(rows[line["run_id"]].metrics)
        steps = [row for run_id, row in rows.items() if run_id.startswith(f"{line['run_id']}/")]
        assert {(step["job"], step["rows_out"]) for step in line["steps"]} == {(s.job, s.rows_out) for s in steps}
        assert len(steps) == 6
    assert [line["metrics"]["added"] for line in lines] == [300, 7]
    assert len(list(folder.glob("semid-nightly-*.prom"))) == 2


def test_only_new_contents_are_embedded_in_the_second_night(nights: Nights) -> None:
    """The vectors grow by exactly the distinct texts not seen before; a moved picture embeds nothing."""
    texts = [
        {(row["title"], row["brand"]) for row in rows}
        for rows in (catalog.items(), catalog.second_night(catalog.items())[:-2])
    ]
    assert nights.vectors == (len(texts[0]), len(texts[0] | texts[1]))


def test_unchanged_items_keep_their_row(nights: Nights) -> None:
    """Every item of both feeds with the same text has one interval, from the first night, still open."""
    untouched = [row["item_id"] for row in catalog.items()[11:]]
    rows = nights.store.read("semantic_id").where("item_id LIKE 'p%' AND valid_to IS NULL AND release_id = 1")
    assert sorted(row.item_id for row in rows.collect()) == sorted(untouched)


def test_intervals_never_overlap_and_current_ids_are_unique(nights: Nights) -> None:
    """One open interval per active item, no ID with two items."""
    current = nights.store.read("semantic_id").where("valid_to IS NULL")
    active = nights.store.read("item_catalog").where("is_active")
    assert sorted(r.item_id for r in current.collect()) == sorted(r.item_id for r in active.collect())
    given = nights.store.read("semantic_id").select("semantic_id", "item_id").distinct()
    assert given.groupBy("semantic_id").count().where("count > 1").count() == 0


def test_no_two_contents_share_their_codes(nights: Nights) -> None:
    """With a capacity of 1 on both nights: no prefix of this catalog has more contents than last codes."""
    current = nights.store.read("semantic_id").where("valid_to IS NULL").collect()
    contents, codes = (len({str(row[name]) for row in current}) for name in ("content_hash", "codes"))
    assert contents == codes
    assert contents < len(current), "items of one content do share them"


def test_a_repeated_night_changes_nothing(nights: Nights) -> None:
    """The same feed, date and settings again: exit 0 and every table at its version."""
    before = {name: nights.store.version(name) for name in table_names()}
    assert semid_nightly(nights.warehouse, nights.feeds[1], NIGHT2) == 0
    assert {name: nights.store.version(name) for name in table_names()} == before


def test_an_older_date_is_refused(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    """A feed for a date before the current release: exit 2, before any step has touched a table."""
    before = nights.store.version("item_catalog")
    changed = catalog.write_jsonl(catalog.items(299), nights.warehouse.parent / "feed3.jsonl")
    assert semid_nightly(nights.warehouse, changed, "2025-12-31") == 2
    assert "lies before the current release's" in capsys.readouterr().err
    assert nights.store.version("item_catalog") == before
    assert releases.load(nights.store).current.release_id == 2


def test_a_run_id_used_again_with_another_feed_is_refused(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 5, naming both fingerprints; Delta alone would ignore the second run silently."""
    run_id = nights.store.read("release").where("release_id = 2").collect()[0].run_id
    assert semid_nightly(nights.warehouse, nights.feeds[0], NIGHT2, "--run-id", run_id) == 5
    assert "used before with other inputs" in capsys.readouterr().err


def test_a_held_warehouse_is_refused(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 5, naming the run that holds it."""
    with writing(str(nights.warehouse), "nightly of 2026-01-06"):
        assert semid_nightly(nights.warehouse, nights.feeds[0], "2026-01-07") == 5
    assert "another run holds the warehouse: nightly of 2026-01-06" in capsys.readouterr().err


def test_shuffled_and_repartitioned_feed_gives_the_same_codebook_and_ids(nights: Nights, tmp_path: Path) -> None:
    """The first night again, elsewhere, from three shuffled files: equal bytes of codebook, equal vectors and rows."""
    rows = catalog.items()
    random.Random(3).shuffle(rows)
    for part in range(3):
        catalog.write_jsonl(rows[part::3], tmp_path / "feed" / f"part{part}.jsonl")
    assert semid_nightly(tmp_path / "warehouse", str(tmp_path / "feed"), NIGHT1) == 0
    again = Store(nights.store.spark, str(tmp_path / "warehouse"))
    artifacts = [s.read("codebook").collect()[0].artifact_sha256 for s in (nights.store, again)]
    assert artifacts[0] == artifacts[1]
    first_release = nights.store.read("semantic_id").where("release_id = 1").select(*PUBLISHED)
    assert sorted(map(tuple, first_release.collect())) == sorted(
        map(tuple, again.read("semantic_id").select(*PUBLISHED).collect())
    )


def test_unknown_parameters_are_refused_before_the_first_step(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt parameter of the codebook does not cost a night of embedding."""
    feed = catalog.write_jsonl(catalog.items(20), tmp_path / "feed.jsonl")
    wrong = ["--set", "codebook.params={epoch: 5}"]
    assert semid_nightly(Path(store.warehouse), feed, NIGHT1, *wrong) == 2
    assert "unknown parameters ['epoch']" in capsys.readouterr().err
    assert store.read("item_catalog").isEmpty()
