"""The bad-input matrix: what a feed can be that it should not be, and what becomes of it.

Feeds that are refused as a whole: exit code 3, a message with what, where and next, no table touched. Bad rows
among good ones: set aside with their reasons, the others taken. Configuration faults are in
`test_bad_input_config.py`.
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
from semid.config import load_config
from semid.jobs.ingest_catalog import JOB
from semid.tables.store import Store
from semid.text.model import fingerprint_of

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


def test_refused_run_is_recorded(filled: Path, tmp_path: Path, spark: SparkSession) -> None:
    """A refused feed leaves a failed run with its message, and the next feed is taken as if it had not been."""
    assert ingest(filled, mostly_bad(tmp_path), "--run-id", "refused") == 3
    runs = Store(spark, str(filled)).read("run").where("run_id = 'refused'").collect()
    assert [row.status for row in runs] == ["failed"]
    assert "rows (33.3%) cannot be taken" in runs[0].message


def line(row: dict[str, Any]) -> bytes:
    return json.dumps(row).encode()


def titled(item_id: Any) -> bytes:
    return line({"item_id": item_id, "title": "t"})


# Matrix row, line of the feed, reasons (none: it is taken).
LINES: list[tuple[str, bytes, list[str]]] = [
    ("I7 malformed", b'{"item_id": "I7", "title": ', ["malformed_record"]),
    ("I8 encoding", b'{"item_id": "I8", "title": "caf\xe9"}', ["bad_encoding"]),
    ("I9 surrogate", b'{"item_id": "I9", "title": "x\\ud800"}', ["bad_unicode"]),
    ("I11 twice", b'{"item_id": "I11", "title": "a", "title": "b"}', ["duplicate_key"]),
    ("I13 nested", line({"item_id": "I13", "title": {"en": "t"}}), ["wrong_type"]),
    ("I14 float", b'{"item_id": 1.0, "title": "t"}', ["id_not_string"]),
    ("I14 exponent", b'{"item_id": 1e3, "title": "t"}', ["id_not_string"]),
    ("I14 bool", titled(True), ["id_not_string"]),
    ("I15 used", b'{"item_id": "I15", "title": "t", "price": NaN}', ["not_a_number"]),
    ("I15 unused", b'{"item_id": "I15u", "title": "t", "weight": NaN}', []),
    ("I16 price", line({"item_id": "I16", "title": "t", "price": "ask"}), []),
    ("I26 unknown column", line({"item_id": "I26", "title": "t", "colour": "red"}), []),
    ("I28 null", titled(None), ["id_missing"]),
    ("I28 absent", b'{"title": "t"}', ["id_missing"]),
    ("I28 empty", titled(""), ["id_missing"]),
    ("I28 blank", titled("  "), ["id_missing"]),
    ("I29", titled("I29 "), ["id_whitespace"]),
    ("I30 NFC", titled("I30-\u00e9"), ["id_confusable"]),
    ("I30 NFD", titled("I30-e\u0301"), ["id_confusable"]),
    ("I30 zero-width", titled("I30b\u200b"), ["id_confusable"]),
    ("I30 without", titled("I30b"), ["id_confusable"]),
    ("I31 upper", titled("I31A"), []),
    ("I31 lower", titled("i31a"), []),
    ("I32 NUL", titled("I32\x00"), ["id_illegal_char"]),
    ("I32 tab", titled("I32\tx"), ["id_illegal_char"]),
    ("I32 bidi", titled("I32\u202ex"), ["id_illegal_char"]),
    ("I32 long", titled("I" * 257), ["id_illegal_char"]),
    ("I34 one", line({"item_id": "I34", "title": "one"}), ["duplicate_id"]),
    ("I34 two", line({"item_id": "I34", "title": "two"}), ["duplicate_id"]),
    ("I35 zeros", titled("00035"), []),
    ("I35 long number", titled("9007199254740993"), []),
    ("I36", line({"item_id": "I36", "title": None, "brand": "b"}), []),
    ("I37 empty", titled("I37a") .replace(b'"t"', b'""'), ["no_text"]),
    ("I37 zero-width", line({"item_id": "I37b", "title": "\u200b\ufeff "}), ["no_text"]),
    ("I38", line({"item_id": "I38", "title": "é" * 20_000}), []),
    ("I39", line({"item_id": "I39", "title": "x" * 1_048_577}), ["text_too_large"]),
    ("I40", line({"item_id": "I40", "title": "=cmd()|'<script>'; DROP TABLE x"}), []),
    ("I41", line({"item_id": "I41", "title": "\x1b[31mred\x1b[0m\r\nline"}), []),
    ("I42", line({"item_id": "I42", "title": "日本 😀 Z" + "\u0335" * 100}), []),
    ("I45", line({"item_id": "I45", "title": "t", "category": ["a", None, "b"]}), []),
]  # fmt: skip


@pytest.fixture(scope="module")
def messy(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The warehouse after one feed that has every bad line, and one line twice (I33)."""
    folder = tmp_path_factory.mktemp("messy")
    twin = titled("I33")
    lines = [*[text for _, text, _ in LINES], twin, b"", twin]
    (folder / "messy.jsonl").write_bytes(b"\n".join(lines))
    store = Store(spark, str(folder / "warehouse"))
    assert ingest_into(store, folder / "messy.jsonl", "messy") == 0
    return store


def ingest_into(store: Store, feed: Path, run_id: str, *more: str) -> int:
    lenient = ("--set", "catalog.max_quarantined=0.9", "--set", "catalog.mode=increment")
    return ingest(Path(store.warehouse), feed, "--run-id", run_id, *lenient, *more)


def rows_of(store: Store, name: str, run_id: str) -> list[Any]:
    return store.read(name).where(f"run_id = '{run_id}'").collect()


@pytest.fixture(scope="module")
def set_aside(messy: Store) -> dict[str, Any]:
    """The quarantined rows by their place."""
    return {row.source_row: row for row in rows_of(messy, "item_quarantine", "messy")}


@pytest.fixture(scope="module")
def taken(messy: Store) -> dict[str, Any]:
    """The items by their id."""
    return {row.item_id: row for row in rows_of(messy, "item_catalog", "messy")}


@pytest.fixture(scope="module")
def counts(messy: Store) -> dict[str, Any]:
    """The run's counts."""
    (row,) = rows_of(messy, "run", "messy")
    return {**json.loads(row.metrics), "rows_in": row.rows_in, "rows_out": row.rows_out}


@pytest.mark.parametrize(
    ("number", "text", "reasons"), [(n, c[1], c[2]) for n, c in enumerate(LINES, 1)], ids=[c[0] for c in LINES]
)
def test_line(set_aside: dict[str, Any], taken: dict[str, Any], number: int, text: bytes, reasons: list[str]) -> None:
    """A bad line is set aside under its line number with its reasons; a strange but good one is an item."""
    row = set_aside.get(f"messy.jsonl:{number}")
    assert (list(row.reasons) if row else []) == reasons
    if row:
        assert len(row.raw.encode()) <= 65_536
        assert row.item_id not in taken
    else:
        assert json.loads(text)["item_id"] in taken


def test_raw_is_the_line(set_aside: dict[str, Any]) -> None:
    """The raw row is the line itself; a line that is no JSON is kept as a JSON text."""
    nested = next(n for n, c in enumerate(LINES, 1) if c[0] == "I13 nested")
    assert json.loads(set_aside[f"messy.jsonl:{nested}"].raw) == {"item_id": "I13", "title": {"en": "t"}}
    assert json.loads(set_aside["messy.jsonl:1"].raw) == '{"item_id": "I7", "title":'


def test_normalised_values(taken: dict[str, Any]) -> None:
    """Prices, long texts, control characters and nulls in paths are put right, not refused."""
    assert taken["I16"].price is None
    assert len(taken["I38"].text.encode()) == 32_768
    assert taken["I41"].title == "red line"
    assert taken["I42"].title == "日本 😀 Z" + "\u0335" * 16
    assert taken["I45"].category == ["a", "b"]
    assert taken["I40"].title == "=cmd()|'<script>'; DROP TABLE x"
    assert taken["I36"].text == "b"


def test_counts_add_up(counts: dict[str, Any], set_aside: dict[str, Any], taken: dict[str, Any]) -> None:
    """Rows read = items + set aside + dropped as identical; the notable ones are counted."""
    assert counts["rows_in"] == len(LINES) + 2
    assert counts["good"] == counts["new"] == counts["rows_out"] == len(taken)
    assert counts["quarantined"] == len(set_aside)
    assert counts["duplicates_dropped"] == 1
    assert counts["rows_in"] == counts["good"] + counts["quarantined"] + counts["duplicates_dropped"]
    assert (counts["truncated"], counts["bad_prices"], counts["case_only_ids"]) == (1, 1, 2)
    assert counts["reasons"]["id_confusable"] == 4


CSV = (
    b"\xef\xbb\xbfprice,title,item_id\r\n"  # I17 BOM, I18 columns in another order
    b'1,"two\r\nlines",c1\r\n'  # I19
    b"2,extra,c2,more\r\n"  # I20
    b"3,c3\r\n"
    b"4,caf\xe9,c4\r\n"
    b"5,fine,00005\r\n"  # I35
    b'6,"open,c6\r\n'
    b"7,last,c7\r\n"
)


def test_csv_lines(messy: Store, tmp_path: Path) -> None:
    """I17 BOM, I18 order by name, I19 quoted line break, I20 ragged and unclosed, I8 encoding, I35 zeros.

    The feed lies in a folder whose name Spark could take for a pattern.
    """
    feed = tmp_path / "feed [1] {a}"
    feed.mkdir()
    (feed / "it ems.csv").write_bytes(CSV)
    assert ingest_into(messy, feed, "csv") == 0
    items = {row.item_id: (row.title, row.price) for row in rows_of(messy, "item_catalog", "csv")}
    assert items == {"c1": ("two lines", 1.0), "00005": ("fine", 5.0), "c7": ("last", 7.0)}
    bad = {row.source_row: list(row.reasons) for row in rows_of(messy, "item_quarantine", "csv")}
    assert bad == {
        "it ems.csv:4": ["ragged_row"],
        "it ems.csv:5": ["ragged_row"],
        "it ems.csv:6": ["bad_encoding"],
        "it ems.csv:8": ["ragged_row"],
    }


NAN, INF = float("nan"), float("inf")
VECTORS: list[tuple[str, list[float | None] | None, list[str]]] = [
    ("good", [3.0, 4.0], []),
    ("also good", [0.0, 2.0], []),
    ("I46 NaN", [1.0, NAN], ["vector_not_finite"]),
    ("I46 inf", [INF, 1.0], ["vector_not_finite"]),
    ("I46 null element", [1.0, None], ["vector_not_finite"]),
    ("I47 length", [1.0, 2.0, 3.0], ["vector_dim"]),
    ("I47 absent", None, ["vector_dim"]),
    ("I47 zero", [0.0, 0.0], ["vector_zero"]),
    ("I47 norm", [1e7, 1.0], ["vector_norm"]),
]


def test_supplied_vectors(messy: Store, tmp_path: Path) -> None:
    """I46, I47: a vector that is not finite, zero, huge or of another length is set aside; good ones are stored."""
    vectors = pa.array([vector for _, vector, _ in VECTORS], pa.list_(pa.float32()))
    names = [name for name, _, _ in VECTORS]
    feed = write_table(tmp_path / "feed.parquet", item_id=names, title=["t"] * len(names), embedding=vectors)
    assert ingest_into(messy, feed, "vectors", "--set", "embedding.model=supplied:mine") == 0
    bad = {row.item_id: list(row.reasons) for row in rows_of(messy, "item_quarantine", "vectors")}
    assert bad == {name: reasons for name, _, reasons in VECTORS if reasons}
    stored = {row.content_hash: row for row in rows_of(messy, "item_embedding", "vectors")}
    hashes = {row.item_id: row.content_hash for row in rows_of(messy, "item_catalog", "vectors")}
    assert set(hashes) == {"good", "also good"}
    assert set(stored) == set(hashes.values())
    assert stored[hashes["good"]].embedding == pytest.approx([0.6, 0.8])
    assert stored[hashes["good"]].model == fingerprint_of(load_config(overrides=["embedding.model=supplied:mine"]))
