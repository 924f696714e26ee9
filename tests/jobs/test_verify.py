"""`semid verify`: whatever is lost, cut or flipped in a warehouse is found and named, and a sound one passes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from semid.cli import verify
from semid.cli.job import run_job
from semid.jobs import nightly
from semid.tables.verify import verify_rows, verify_table
from tests.nights import SETTINGS, Nights

pytestmark = pytest.mark.spark
Damage = Callable[[Path], None]
Row = dict[str, Any]


@pytest.fixture
def warehouse(nights: Nights, tmp_path: Path) -> Path:
    return Path(shutil.copytree(nights.warehouse, tmp_path / "warehouse"))


def log_file(table: Path, kind: str = "json") -> Path:
    """Return the newest file of a table's log."""
    return max((table / "_delta_log").glob(f"*.{kind}"))


def data_file(table: Path) -> Path:
    """Return the largest data file of a table."""
    return max(table.rglob("*.parquet"), key=lambda file: file.stat().st_size)


def without_side_files(warehouse: Path) -> None:
    """Leave what an object store would hold: no checksums by Hadoop."""
    for side in warehouse.rglob(".*.crc"):
        side.unlink()


def test_a_sound_warehouse_passes(warehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0, every table named; also with the files as an object store would hold them."""
    assert verify.main(["--warehouse", str(warehouse)]) == 0
    printed = capsys.readouterr().out
    assert "Every file is as it was written" in printed
    rows = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line.startswith("semantic_id ")}
    assert rows["semantic_id"][:3] == ["3", "3", "313"]
    without_side_files(warehouse)
    assert verify.main(["--warehouse", str(warehouse)]) == 0


def empty_commit(warehouse: Path) -> None:
    log_file(warehouse / "release").write_bytes(b"")


def half_a_commit(warehouse: Path) -> None:
    commit = log_file(warehouse / "semantic_id")
    commit.write_bytes(commit.read_bytes()[: commit.stat().st_size // 2])


def lost_newest_commit(warehouse: Path) -> None:
    log_file(warehouse / "item_catalog").unlink()


def lost_newest_commit_and_checksum(warehouse: Path) -> None:
    log_file(warehouse / "release").unlink()
    log_file(warehouse / "release", "crc").unlink()


def lost_commit_between(warehouse: Path) -> None:
    (warehouse / "run" / "_delta_log" / f"{2:020d}.json").unlink()


def lost_data_file(warehouse: Path) -> None:
    data_file(warehouse / "item_embedding").unlink()


def cut_data_file(warehouse: Path) -> None:
    file = data_file(warehouse / "item_catalog")
    file.write_bytes(file.read_bytes()[:-1])


def same_size_of_zeros(warehouse: Path) -> None:
    file = data_file(warehouse / "semantic_id")
    file.write_bytes(bytes(file.stat().st_size))


def rows_of_another_file(warehouse: Path) -> None:
    first, second = sorted((warehouse / "release").glob("*.parquet"))
    first.write_bytes(second.read_bytes())


def doubled_item(warehouse: Path) -> None:
    table = DeltaTable(warehouse / "item_catalog")
    one = table.to_pyarrow_table().slice(0, 1)
    write_deltalake(table, one, mode="append")


def edited_artifact(warehouse: Path) -> None:
    table = DeltaTable(warehouse / "codebook").to_pyarrow_table()
    artifact = bytearray(table["artifact"][0].as_py())
    artifact[-1] ^= 1
    column = table.schema.get_field_index("artifact")
    changed = table.set_column(column, table.schema.field("artifact"), pa.array([bytes(artifact)], pa.binary()))
    shutil.rmtree(warehouse / "codebook")
    write_deltalake(warehouse / "codebook", changed)


def lost_table(warehouse: Path) -> None:
    shutil.rmtree(warehouse / "codebook")


DAMAGES: list[tuple[Damage, str]] = [
    (empty_commit, "00000000000000000002.json is empty"),
    (half_a_commit, "00000000000000000002.json is not readable"),
    (lost_newest_commit, "commit 2 is missing: its checksum file is there"),
    (lost_newest_commit_and_checksum, "does not hold: what a run published is there"),
    (lost_commit_between, "run: commit 2 is missing"),
    (lost_data_file, ".parquet is missing"),
    (cut_data_file, "bytes, "),
    (same_size_of_zeros, ".parquet cannot be read"),
    (rows_of_another_file, "release: "),
    (doubled_item, "does not hold: an item is in the catalog once (1 times"),
    (lost_table, "does not hold: codes lie within their codebook"),
    (edited_artifact, "a codebook's bytes are those that were written, and make a codebook (1 times"),
]


@pytest.mark.parametrize(("damage", "told"), DAMAGES, ids=[damage.__name__ for damage, _ in DAMAGES])
def test_damage_is_found(damage: Damage, told: str, warehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 6 and the file or rule by name, without the help of Hadoop's checksums."""
    without_side_files(warehouse)
    damage(warehouse)
    assert verify.main(["--warehouse", str(warehouse)]) == 6
    printed = capsys.readouterr()
    assert told in printed.out
    assert "next:" in printed.err


def first_open(rows: list[Row]) -> Row:
    return next(row for row in rows if row["valid_to"] is None)


def nothing(rows: list[Row]) -> None:
    """Written again as it was, which proves that the other changes are what is found."""


def second_open_id(rows: list[Row]) -> None:
    row = first_open(rows)
    rows.append({**row, "valid_from": row["valid_from"] + timedelta(days=1)})


def empty_interval(rows: list[Row]) -> None:
    row = first_open(rows)
    row["valid_to"] = row["valid_from"]


def id_given_twice(rows: list[Row]) -> None:
    first, second = [row for row in rows if row["valid_to"] is None][:2]
    second["semantic_id"] = first["semantic_id"]


def no_prefixes(rows: list[Row]) -> None:
    first_open(rows)["prefixes"] = []


def code_of_no_codebook(rows: list[Row]) -> None:
    first_open(rows)["codes"][0] = 99


def row_of_no_release(rows: list[Row]) -> None:
    first_open(rows)["release_id"] = 77


def another_id(rows: list[Row]) -> None:
    max(rows, key=lambda row: row["release_id"])["new_semantic_id"] = "0-0-0#99"


def change_of_no_release(rows: list[Row]) -> None:
    rows[0]["release_id"] = 77


def lost_row(rows: list[Row]) -> None:
    rows.remove(first_open(rows))


def lost_addition(rows: list[Row]) -> None:
    rows.remove(next(row for row in rows if row["reason"] == "added"))


def lost_run(rows: list[Row]) -> None:
    rows[:] = [row for row in rows if "/" in row["run_id"]]


def second_vector(rows: list[Row]) -> None:
    rows.append(rows[0])


def vector_of_nan(rows: list[Row]) -> None:
    rows[0]["embedding"][0] = float("nan")


def no_vectors(rows: list[Row]) -> None:
    rows.clear()


RULES = [
    ("semantic_id", nothing, ""),
    ("semantic_id_change", nothing, ""),
    ("item_embedding", nothing, ""),
    ("semantic_id", second_open_id, "an item has one open ID per codebook version"),
    ("semantic_id", empty_interval, "intervals of an item are longer than zero and do not overlap"),
    ("semantic_id", id_given_twice, "an ID is given to one item only"),
    ("semantic_id", no_prefixes, "an ID and its prefixes print its codes"),
    ("semantic_id", code_of_no_codebook, "codes lie within their codebook"),
    ("semantic_id", row_of_no_release, "a row of semantic_id belongs to a published release"),
    ("semantic_id", lost_row, "the newest release has as many items as it says"),
    ("semantic_id_change", change_of_no_release, "a row of semantic_id_change belongs to a published release"),
    ("semantic_id_change", another_id, "an open ID is what the newest change of its item says"),
    ("semantic_id_change", lost_addition, "a release has as many changes as it says"),
    ("run", lost_run, "a release has its run"),
    ("item_embedding", second_vector, "a content has one vector per model"),
    ("item_embedding", vector_of_nan, "a vector is as wide as it says, and finite"),
    ("item_embedding", no_vectors, "a content with a current ID has a vector of the codebook's model"),
]


@pytest.mark.parametrize(("name", "change", "rule"), RULES, ids=[change.__name__ for _, change, _ in RULES])
def test_each_rule_of_the_rows_is_asked(
    name: str, change: Callable[[list[Row]], None], rule: str, warehouse: Path
) -> None:
    """A table that is whole, with rows that break a rule: the rule is named."""
    table = DeltaTable(warehouse / name).to_pyarrow_table()
    rows: list[Row] = table.to_pylist()
    change(rows)
    shutil.rmtree(warehouse / name)
    for _ in range(3):  # as many versions as the newest release recorded
        write_deltalake(warehouse / name, pa.Table.from_pylist(rows, schema=table.schema), mode="overwrite")
    found = verify_rows(str(warehouse))
    assert any(rule in problem for problem in found) if rule else found == []


def wrong_in(table: Path) -> tuple[str, ...]:
    """Return what is found wrong in a table, all of whose files must be there."""
    return verify_table(table, now_ms=0).problems


def flipped(sound: bytes, bit: int) -> bytes:
    changed = bytearray(sound)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)


def test_every_flipped_bit_is_found(warehouse: Path) -> None:
    """Anywhere in a file, a Parquet footer and a commit among them, by the checksums Hadoop keeps on a local disk."""
    rng = np.random.default_rng(1)
    for table in (warehouse / name for name in ("semantic_id", "item_embedding", "item_catalog", "release")):
        for file in (data_file(table), log_file(table)):
            sound = file.read_bytes()
            for bit in rng.integers(0, 8 * len(sound), 6):
                file.write_bytes(flipped(sound, int(bit)))
                assert any(file.name in problem for problem in wrong_in(table)), (file, bit)
            file.write_bytes(sound)
            assert wrong_in(table) == ()


def test_flipped_bits_of_a_page_are_found_without_side_files(warehouse: Path) -> None:
    """On an object store the page checksums find them: 24 bits of the pages, each alone."""
    without_side_files(warehouse)
    table = warehouse / "item_embedding"
    file = data_file(table)
    sound = file.read_bytes()
    footer = int.from_bytes(sound[-8:-4], "little") + 8
    for bit in np.random.default_rng(2).integers(8 * 4, 8 * (len(sound) - footer), 24):
        file.write_bytes(flipped(sound, int(bit)))
        assert any(file.name in problem for problem in wrong_in(table)), bit


def test_there_is_no_warehouse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and what to do."""
    assert verify.main(["--warehouse", str(tmp_path)]) == 2
    assert "this folder is no warehouse" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (empty_commit, "release: its newest commit is empty"),
        (lost_newest_commit, "item_catalog: the log ends at version 1, the newest release recorded 2"),
        (lost_commit_between, "a file of a table is missing or damaged"),
    ],
)
def test_the_next_run_refuses_a_damaged_log(
    damage: Damage, told: str, nights: Nights, warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 6 before anything is read or written, also where Delta itself takes the damage for good."""
    damage(warehouse)
    before = sorted(warehouse.rglob("*.json"))
    flags = ["--warehouse", str(warehouse), "--catalog", nights.feeds[1], "--run-date", "2026-01-07", *SETTINGS]
    assert run_job(nightly.JOB, flags) == 6
    assert told in capsys.readouterr().err
    assert sorted(warehouse.rglob("*.json")) == before


def test_a_night_stops_at_a_commit_cut_in_half(
    nights: Nights, warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 6 at the step that reads the table; what readers see gets no commit."""
    half_a_commit(warehouse)
    published = [warehouse / name / "_delta_log" for name in ("semantic_id", "semantic_id_change", "release")]
    before = [sorted(log.glob("*.json")) for log in published]
    flags = ["--warehouse", str(warehouse), "--catalog", nights.feeds[1], "--run-date", "2026-01-07", *SETTINGS]
    assert run_job(nightly.JOB, flags) == 6
    assert "a file of a table is missing or damaged" in capsys.readouterr().err
    assert [sorted(log.glob("*.json")) for log in published] == before


def test_a_flipped_bit_in_what_a_night_reads_stops_it(
    nights: Nights, warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The gate reads the vectors of published items: exit 6 with the file, not a gate that is blocked for no reason."""
    file = data_file(warehouse / "item_embedding")
    file.write_bytes(flipped(file.read_bytes(), 8 * file.stat().st_size // 2))
    (file.with_name(f".{file.name}.crc")).unlink()
    flags = ["--warehouse", str(warehouse), "--catalog", nights.feeds[0], "--run-date", "2026-01-07", *SETTINGS]
    assert run_job(nightly.JOB, flags) == 6
    said = capsys.readouterr().err
    assert "a file of a table is missing or damaged" in said
    assert file.name in said
    assert "nothing was published; current release is 2" in said
