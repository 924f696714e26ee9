"""A log that names files outside its table: neither `semid verify` nor `semid sql` follows it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from semid.errors import StoredDataError
from semid.tables.query import QueryError, open_reader
from semid.tables.verify import verify_table
from tests import labelled

SECRET = 4711


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """A warehouse with one table more, `extra`, and beside it a Parquet file that is not the warehouse's."""
    folder = labelled.build(tmp_path / "w")
    write_deltalake(Path(folder) / "extra", pa.table({"a": pa.array([1, 2], pa.int64())}))
    pq.write_table(pa.table({"a": pa.array([SECRET], pa.int64())}), tmp_path / "private.parquet")
    return Path(folder)


def name_in_log(warehouse: Path, path: str, size: int) -> None:
    """Add a commit to `extra` that claims the file."""
    add = {"path": path, "partitionValues": {}, "size": size, "modificationTime": 0, "dataChange": True}
    log = warehouse / "extra" / "_delta_log"
    (log / f"{1:020d}.json").write_text(json.dumps({"add": add}) + "\n")


@pytest.mark.parametrize(
    "form",
    ["../../private.parquet", "..%2F..%2Fprivate.parquet", "{outside}", "file://{outside}", "file:{outside}", "link.parquet"],
)  # fmt: skip
def test_a_file_outside_its_table_is_not_read(warehouse: Path, tmp_path: Path, form: str) -> None:
    """By a relative or an absolute path, by a URL or a link: verify reports it, a query does not show its rows."""
    outside = tmp_path / "private.parquet"
    (warehouse / "extra" / "link.parquet").symlink_to(outside)
    name_in_log(warehouse, form.format(outside=outside), outside.stat().st_size)
    (problem,) = verify_table(warehouse / "extra", 0).problems
    assert problem.endswith("lies outside the table; semid writes no such file")
    reader = open_reader(str(warehouse))
    try:
        rows = list(reader.ask("SELECT a FROM extra").rows)
    except (StoredDataError, QueryError):
        return
    # DuckDB follows a link inside an allowed folder: links are made by who may write the folder (docs/security.md).
    assert form == "link.parquet"
    assert (SECRET,) in rows


def test_a_file_of_the_table_named_by_its_absolute_path_is_its_own(warehouse: Path) -> None:
    """Delta allows absolute paths: one that stays inside is read."""
    (file,) = (warehouse / "extra").glob("*.parquet")
    copy = Path(shutil.copy(file, file.with_name("copy.parquet")))
    name_in_log(warehouse, str(copy.resolve()), copy.stat().st_size)
    found = verify_table(warehouse / "extra", 0)
    assert (found.files, found.problems) == (2, ())


NO_ACTIONS = (
    "[]",
    "5",
    "[" * 100_000,
    '{"add": 5}',
    '{"add": {}}',
    '{"add": {"path": 5}}',
    '{"add": {"path": "a", "stats": "["}}',
    '{"add": {"path": "a", "size": "x"}}',
    '{"add": {"path": "a", "size": 1e999}}',
    '{"add": {"path": "a\\u0000b", "size": 1}}',
    '{"metaData": {}}',
    '{"metaData": {"schemaString": "5"}}',
    '{"commitInfo": {"timestamp": []}}',
)


@pytest.mark.parametrize("line", NO_ACTIONS, ids=range(len(NO_ACTIONS)))
def test_a_commit_of_anything_is_a_problem_and_no_crash(tmp_path: Path, line: str) -> None:
    """JSON that is no action of Delta, in every place where one is looked into."""
    write_deltalake(tmp_path / "extra", pa.table({"a": pa.array([1, 2], pa.int64())}))
    (tmp_path / "extra" / "_delta_log" / f"{1:020d}.json").write_text(line + "\n")
    assert verify_table(tmp_path / "extra", 0).problems
