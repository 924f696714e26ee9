"""`semid verify`: whatever is lost, cut or flipped in a warehouse is found and named, and a sound one passes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from semid.cli import verify
from semid.cli.job import run_job
from semid.jobs import nightly
from semid.tables.verify import verify_table
from tests.nights import SETTINGS, Nights

pytestmark = pytest.mark.spark
Damage = Callable[[Path], None]


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
    ],
)
def test_the_next_run_refuses_what_delta_takes_for_good(
    damage: Damage, told: str, nights: Nights, warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 6 before anything is read or written."""
    damage(warehouse)
    before = sorted(warehouse.rglob("*.json"))
    flags = ["--warehouse", str(warehouse), "--catalog", nights.feeds[1], "--run-date", "2026-01-07", *SETTINGS]
    assert run_job(nightly.JOB, flags) == 6
    assert told in capsys.readouterr().err
    assert sorted(warehouse.rglob("*.json")) == before


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
