"""The bad-input matrix, feeds that are refused as a whole: exit code 3, a message that helps, no table touched.

Bad rows among good ones are in `test_bad_input_rows.py`, configuration faults in `test_bad_input_config.py`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from semid.cli.job import run_job
from semid.frames import intake
from semid.jobs.ingest_catalog import JOB
from semid.tables.store import Store

DAY = "2026-01-02"
ITEMS = [{"item_id": f"base{n}", "title": f"Item {n}"} for n in range(4)]


def ingest(warehouse: Path, feed: Path, *more: str, day: str = DAY) -> int:
    return run_job(JOB, ["--warehouse", str(warehouse), "--catalog", str(feed), "--run-date", day, *more])


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_table(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def commits(warehouse: Path) -> list[str]:
    """Every commit of every table but `run`, where a refused run leaves its row."""
    found = warehouse.glob("*/_delta_log/*.json")
    return sorted(str(path.relative_to(warehouse)) for path in found if path.parts[-3] != "run")


@pytest.fixture(scope="module")
def filled(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with four items; refused feeds must leave it as it is."""
    folder = tmp_path_factory.mktemp("filled")
    assert ingest(folder / "warehouse", write_lines(folder / "feed.jsonl", ITEMS), day="2026-01-01") == 0
    return folder / "warehouse"


def missing(folder: Path) -> Path:
    return folder / "nowhere.parquet"


def empty_file(folder: Path) -> Path:
    (folder / "feed.jsonl").touch()
    return folder / "feed.jsonl"


def no_rows(folder: Path) -> Path:
    return write_table(folder / "feed.parquet", item_id=pa.array([], pa.string()), title=pa.array([], pa.string()))


def shrunken(folder: Path) -> Path:
    return write_lines(folder / "feed.jsonl", ITEMS[:1])


def hidden_file(folder: Path) -> Path:
    write_lines(folder / "a.jsonl", ITEMS)
    write_lines(folder / "_b.jsonl", ITEMS)
    (folder / "_SUCCESS").touch()
    return folder


def cut_gzip(folder: Path) -> Path:
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in ITEMS).encode())
    (folder / "feed.jsonl.gz").write_bytes(packed[:-12])
    return folder / "feed.jsonl.gz"


def plain_gz(folder: Path) -> Path:
    return write_lines(folder / "feed.jsonl.gz", ITEMS)


def bomb(folder: Path) -> Path:
    line = b'{"item_id": "a", "title": "' + b"0" * 20 * 2**20 + b'"}'
    (folder / "feed.jsonl.gz").write_bytes(gzip.compress(line, 1))
    return folder / "feed.jsonl.gz"


def json_array(folder: Path) -> Path:
    (folder / "feed.json").write_text(json.dumps(ITEMS))
    return folder / "feed.json"


def pretty_json(folder: Path) -> Path:
    (folder / "feed.json").write_text(json.dumps(ITEMS[0], indent=2))
    return folder / "feed.json"


def wrong_case(folder: Path) -> Path:
    return write_table(folder / "feed.parquet", Item_ID=["a"], title=["t"])


def wrong_case_lines(folder: Path) -> Path:
    return write_lines(folder / "feed.jsonl", [{"Item_ID": "a", "title": "t"}])


def two_headers(folder: Path) -> Path:
    (folder / "a.csv").write_text("item_id,title\n1,x\n")
    (folder / "b.csv").write_text("title,item_id\nx,1\n")
    return folder


def header_only(folder: Path) -> Path:
    (folder / "feed.csv").write_text("item_id,title\n")
    return folder / "feed.csv"


def two_types(folder: Path) -> Path:
    write_table(folder / "a.parquet", item_id=["a"], title=["t"])
    write_table(folder / "b.parquet", item_id=[1], title=["t"])
    return folder


def binary_ids(folder: Path) -> Path:
    return write_table(folder / "feed.parquet", item_id=[b"\xff\x00"], title=["t"])


def float_ids(folder: Path) -> Path:
    return write_table(folder / "feed.parquet", item_id=[1.0], title=["t"])


def corrupt_footer(folder: Path) -> Path:
    path = write_table(folder / "feed.parquet", item_id=["a"], title=["t"])
    path.write_bytes(path.read_bytes()[:-6])
    return path


def corrupt_page(folder: Path) -> Path:
    path = write_table(folder / "feed.parquet", item_id=[f"i{n}" for n in range(500)], title=["t"] * 500)
    data = bytearray(path.read_bytes())
    data[4:300] = b"\xff" * 296
    path.write_bytes(data)
    return path


def missing_columns(folder: Path) -> Path:
    return write_table(folder / "feed.parquet", sku=["a"], name=["t"], price=[1.0])


def partition_folder(folder: Path) -> Path:
    (folder / "day=1").mkdir()
    write_lines(folder / "day=1" / "a.jsonl", ITEMS)
    return folder


def mixed_formats(folder: Path) -> Path:
    write_lines(folder / "a.jsonl", ITEMS)
    return write_table(folder / "b.parquet", item_id=["a"], title=["t"]).parent


def mostly_bad(folder: Path) -> Path:
    return write_lines(folder / "feed.jsonl", [*ITEMS, {"item_id": " x", "title": "t"}, {"item_id": "y"}])


Case = tuple[str, Callable[[Path], Path], tuple[str, ...]]
REFUSED: list[Case] = [
    ("I1", missing, ("does not exist", "catalog.path: ", "nowhere.parquet", "--catalog")),
    ("I2", empty_file, ("the feed is empty", "feed.jsonl: 0 bytes")),
    ("I2", no_rows, ("the feed has no rows",)),
    ("I3", shrunken, ("lacks 3 of 4 active items (75.0%)", "catalog.max_removed", "increment")),
    ("I4", hidden_file, ("_b.jsonl: hidden by its name", "rename")),
    ("I5", cut_gzip, ("feed.jsonl.gz: the gzip file is cut off", "deliver")),
    ("I5", plain_gz, ("feed.jsonl.gz: it is named .gz but is no gzip file",)),
    ("I6", bomb, ("a line is longer than 16,777,216 bytes",)),
    ("I10", json_array, ("one object per line", "feed.json: it is one JSON array")),
    ("I10", pretty_json, ("one object per line", "none of its first lines")),
    ("I12", wrong_case, ("catalog.columns.item_id: ", "did you mean 'Item_ID'?", "--set catalog.columns")),
    ("I12", wrong_case_lines, ("no column 'item_id', did you mean 'Item_ID'?",)),
    ("I18", two_headers, ("a.csv: item_id, title", "b.csv: title, item_id")),
    ("I21", header_only, ("the feed has no rows",)),
    ("I22", two_types, ("item_id: string in a.parquet", "item_id: int64 in b.parquet")),
    ("I23", binary_ids, ("item_id: binary, text or a whole number is needed",)),
    ("I23", float_ids, ("item_id: double, text or a whole number is needed",)),
    ("I24", corrupt_footer, ("Parquet files of the feed cannot be read", "feed.parquet: ")),
    ("I24", corrupt_page, ("feed.parquet: it cannot be read",)),
    ("I25", missing_columns, ("no column 'item_id'", "none of the text columns title, brand", "sku, name, price")),
    ("-", partition_folder, ("day=1/a.jsonl: lies in a partition folder",)),
    ("-", mixed_formats, ("several formats: jsonl, parquet", "catalog.format")),
    (
        "G16",
        mostly_bad,
        (
            "2 of 6 rows (33.3%) cannot be taken",
            "id_whitespace: 1 rows",
            "no_text: 1 rows",
            "feed.jsonl:5 (id_whitespace)",
        ),
    ),
]


@pytest.fixture
def unrecorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the commits to `run`, most of a refusal's time; test_refused_run_is_recorded has them."""
    monkeypatch.setattr("semid.tables.runs.save", lambda *_: None)


@pytest.mark.parametrize(("name", "write", "words"), REFUSED, ids=[f"{c[0]} {c[1].__name__}" for c in REFUSED])
@pytest.mark.usefixtures("unrecorded")
def test_feed_is_refused(
    filled: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    write: Callable[[Path], Path],
    words: tuple[str, ...],
) -> None:
    """The whole feed is refused with exit code 3 and a message that helps; no table gets a commit."""
    before = commits(filled)
    folder = tmp_path / "feed"
    folder.mkdir()
    assert ingest(filled, write(folder)) == 3
    message = capsys.readouterr().err
    assert [word for word in words if word not in message] == []
    assert "semid: input refused: " in message
    assert "\n  where: " in message
    assert "\n  state: " in message
    assert "\n  next:  " in message
    assert "Traceback" not in message
    assert commits(filled) == before


@pytest.mark.usefixtures("unrecorded")
def test_a_feed_that_is_replaced_while_it_is_read_is_refused(
    filled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivery that goes on after the rows were read and counted: exit code 3, no table gets a commit."""
    feed, before = write_lines(tmp_path / "feed.jsonl", [*ITEMS, {"item_id": "new", "title": "New"}]), commits(filled)
    judge = intake.refuse_bad_feed

    def replaced_after(*args: Any) -> None:
        judge(*args)
        write_lines(feed, ITEMS)

    monkeypatch.setattr(intake, "refuse_bad_feed", replaced_after)
    assert ingest(filled, feed) == 3
    assert "the feed changed while it was read" in capsys.readouterr().err
    assert commits(filled) == before


def test_refused_run_is_recorded(filled: Path, tmp_path: Path, spark: SparkSession) -> None:
    """A refused feed leaves a failed run with its message, and the next feed is taken as if it had not been."""
    assert ingest(filled, mostly_bad(tmp_path), "--run-id", "refused") == 3
    runs = Store(spark, str(filled)).read("run").where("run_id = 'refused'").collect()
    assert [row.status for row in runs] == ["failed"]
    assert "rows (33.3%) cannot be taken" in runs[0].message
