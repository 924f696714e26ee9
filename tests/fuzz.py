"""Hostile feeds and settings from a seed: what is made, and what must hold of whatever comes of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa

from semid.config import load_config, packaged
from semid.errors import ConfigError
from semid.frames.feed_rows import MAX_RAW_BYTES, line_pass
from semid.frames.intake import rules_of
from semid.ids import fingerprint
from semid.text.record import Rules, id_reasons

CASES = int(os.environ.get("SEMID_FUZZ_CASES", "0"))
"""How many cases of each kind are tried; 0 for the few that `make test` has time for."""

FIELDS = ("item_id", "title", "brand", "category", "description", "price", "image_url", "updated_at", "embedding")
COLUMNS = {**{field: field for field in FIELDS}, "attributes[colour]": "colour"}
HEADER = tuple(COLUMNS.values())
REASONS = {
    "bad_encoding", "bad_unicode", "duplicate_key", "id_illegal_char", "id_missing", "id_not_string", "id_whitespace",
    "malformed_record", "no_text", "not_a_number", "ragged_row", "text_too_large", "vector_dim", "vector_norm",
    "vector_not_finite", "vector_zero", "wrong_type",
}  # fmt: skip
GOOD = "good-item"
_TEXTS = (
    "", " ", "x", "soap & water", "日本茶", "é\u0301\u0301", "\u202e\u2066", "\ud800", "\udfff", "\x00", "\x1b[31m", "\u2028",
    "&amp;" * 40, "&#x110000;", "&#0;", "'; DROP TABLE release; --", "=cmd()", "<script>", "NaN", "null", "1e999", "-0", "٣",
    "9" * 5000, " " * 300 + "!", "1" + " " * 300 + "x", "a" * 2000, "0001-01-01", "9999-12-31T23:59:59+23:59", "%s%d{0}", "\\",
)  # fmt: skip
_NUMBERS = (
    "0",
    "-1",
    "1e400",
    "-1e-400",
    "9" * 4301,
    "9" * 4000,
    "1." + "3" * 500,
    "NaN",
    "-Infinity",
    "1e3",
    "0x1",
    "01",
)
_PIECES = (b'"', b"'", b",", b"\\", b"{", b"}", b"[", b"]", b":", b"\r", b"\x00", b"\xff", b"\xed\xa0\x80", b'""', b'","', b"\\ud800", b"\xef\xbb\xbf", b"\t")  # fmt: skip


def ingest_rules(supplied: bool = False) -> Rules:
    """Return the rules of the default configuration with an attribute, for vectors of the feed or of a model."""
    settings = ["catalog.attributes=[colour]", *(["embedding.model='supplied:x'"] if supplied else [])]
    return rules_of(load_config(overrides=settings))


def json_line(rng: Random) -> bytes:
    """Return a line of a JSON feed: a row of hostile values, damaged in one case of two."""
    keys = [rng.choice(HEADER) for _ in range(rng.randint(0, 12))]
    line = "{" + ", ".join(f"{json.dumps(key)}: {_value(rng, 0)}" for key in keys) + "}"
    raw = line.encode(errors="surrogatepass")
    return _damaged(rng, raw) if rng.random() < 0.5 else raw


def csv_line(rng: Random) -> bytes:
    """Return a line of a CSV feed, well-formed in one case of three."""
    cells = [rng.choice(_TEXTS).encode(errors="surrogatepass") for _ in range(rng.choice((9, 10, 10, 10, 11)))]
    quoted = [b'"' + cell.replace(b'"', b'""') + b'"' if rng.random() < 0.5 else cell for cell in cells]
    line = b",".join(quoted)
    return line if rng.random() < 0.33 else _damaged(rng, line)


def noise(rng: Random) -> bytes:
    """Return random bytes, with the separators of both formats among them."""
    return b"".join(
        rng.choice(_PIECES) if rng.random() < 0.4 else rng.randbytes(rng.randint(1, 4))
        for _ in range(rng.randint(0, 60))
    )


def _value(rng: Random, depth: int) -> str:
    kind = rng.random()
    if kind < 0.5:
        return json.dumps(rng.choice(_TEXTS), ensure_ascii=rng.random() < 0.5)
    if kind < 0.7:
        return rng.choice(_NUMBERS)
    if kind < 0.78:
        return rng.choice(("null", "true", "false"))
    if kind < 0.82:
        levels = rng.choice((3, 900, 985, 995, 5000))
        return "[" * levels + "]" * levels
    inner = [_value(rng, depth + 1) for _ in range(rng.randint(0, 4) if depth < 3 else 0)]
    if kind < 0.92:
        return f"[{', '.join(inner)}]"
    return "{" + ", ".join(f"{json.dumps(rng.choice('abc'))}: {value}" for value in inner) + "}"


def _damaged(rng: Random, line: bytes) -> bytes:
    changed = bytearray(line)
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(changed))
        change = rng.randrange(5)
        if change == 0:
            changed[at:at] = rng.choice(_PIECES)
        elif change == 1:
            del changed[at : at + rng.randint(1, 20)]
        elif change == 2 and changed:
            changed[at % len(changed)] ^= 1 << rng.randrange(8)
        elif change == 3:
            changed[at:at] = changed[at : at + 30]
        else:
            del changed[at:]
    return bytes(changed)


def check_feed(lines: list[bytes], header: tuple[str, ...], rules: Rules) -> int:
    """Put one file through the ingest's own pass and assert what must hold; return the number of rows.

    Every row is an item without a fault or has known reasons, can be stored, and stands at a place of its own; a
    JSON feed gives one row per line that is not blank, and the good rows around the hostile ones are items.
    """
    good = {"item_id": GOOD, "title": "Soap", "embedding": [3.0, 4.0]} if not header else None
    around = json.dumps(good).encode() if good else ",".join([GOOD, "Soap", *[""] * 8]).encode()
    body = [piece for line in lines for piece in line.split(b"\n")]
    first = [",".join(header).encode()] if header else []
    fed = [*first, around, *body, *([] if header else [around])]
    rows = [row for batch in line_pass(rules, COLUMNS, header, "/feed")(_batches(fed)) for row in _checked(batch)]
    assert len({row["source_row"] for row in rows}) == len(rows)
    for row in rows:
        _check_row(row)
    if not header:
        assert len(rows) == sum(bool(line.strip()) for line in fed)
        assert (rows[-1]["item_id"], rows[-1]["reasons"]) == (GOOD, [])
    assert (rows[0]["item_id"], rows[0]["reasons"]) == (GOOD, [])
    return len(rows)


def _batches(lines: list[bytes]) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(lines), 7):
        part = lines[start : start + 7]
        arrays = [pa.array(["/feed/a"] * len(part)), pa.array([0] * len(part)), pa.array(part, pa.binary())]
        yield pa.RecordBatch.from_arrays(arrays, ["file", "block", "value"])


def _checked(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    batch.validate(full=True)
    return list(batch.to_pylist())


def _check_row(row: dict[str, Any]) -> None:
    assert set(row["reasons"]) <= REASONS, row["reasons"]
    assert len(row["raw"].encode()) <= MAX_RAW_BYTES
    if row["reasons"]:
        assert row["text"] is None
        return
    assert id_reasons(row["item_id"]) == []
    assert row["text"].strip()
    assert row["text"].isprintable() or not row["text"].isascii()
    assert len(row["content_hash"]) == 64
    assert row["price"] is None or abs(row["price"]) < float("inf")


def setting(rng: Random) -> str:
    """Return what might stand behind `--set`."""
    keys = (
        "codebook.seed",
        "codebook.sizes",
        "codebook.params",
        "catalog.attributes",
        "warehouse",
        "labels",
        "text.parts",
    )
    texts = ("embedding.prompt", "text.separator", "catalog.category_separator", "catalog.columns.title")
    key = rng.choice(
        (*keys, *texts, *texts, "..", "", "a" * 300, ".".join("a" * rng.randint(1, 2000)), "\udcff", "observe.metrics")
    )
    return f"{key}{rng.choice(('=', '=', '=', '', '==', ' = '))}{_yaml_value(rng)}"


def settings_file(rng: Random) -> bytes:
    """Return a configuration file: the packaged one damaged, keys with hostile values, or noise."""
    kind = rng.random()
    if kind < 0.2:
        return noise(rng)
    lines = packaged("default.yaml").read_bytes().splitlines()
    start = rng.randrange(len(lines))
    part = b"\n".join(lines[start : start + rng.randint(1, 25)])
    if kind < 0.6:
        return _damaged(rng, part)
    section = rng.choice(("codebook", "catalog", "labels", "observe", "zzz"))
    body = "".join(f"  {rng.choice(('seed', 'params', 'path', 'sizes', 'a'))}: {_yaml_value(rng)}\n" for _ in range(3))
    return f"{section}:\n{body}".encode(errors="surrogatepass")


def _yaml_value(rng: Random) -> str:
    made: tuple[Callable[[], str], ...] = (
        lambda: rng.choice(_TEXTS),
        lambda: rng.choice(_NUMBERS),
        lambda: json.dumps(rng.choice(_TEXTS)),
        lambda: "[" * rng.choice((2, 40, 900)),
        lambda: "{a: " * (levels := rng.choice((2, 31, 40, 300))) + "1" + "}" * levels,
        lambda: "0x" + "f" * rng.choice((2, 9000)),
        lambda: ":".join(["59"] * rng.choice((2, 900))),
        lambda: rng.choice(("&a [*a]", "*a", "<<: {a: 1}", "!!python/name:os.system", "!!binary aGk=", "!!set {a}", "? [a]", "=")),
        lambda: rng.choice(("2001-99-99", "2001-01-01", "0b", "0x_", "1:", "~", "no", ".nan", "-.inf", "|\n x", "--- a\n--- b")),
        lambda: "".join(chr(rng.choice((*range(128), 0x85, 0x2028, 0xFEFF, 0x1F600))) for _ in range(rng.randint(0, 20))),
    )  # fmt: skip
    return rng.choice(made)()


def check_settings(file: Path | None, overrides: list[str]) -> bool:
    """Load a configuration and assert that it is one or that ConfigError says why not; return which."""
    try:
        config = load_config(None if file is None else str(file), overrides)
    except ConfigError as error:
        refused = error
    else:
        assert not set(config.warehouse) & set("`'\";")
        fingerprint(config.model_dump(mode="json"))
        return True
    assert refused.exit_code == 2
    assert all(line.isprintable() for line in refused.report().splitlines())
    assert refused.what[:2] not in ("", "0 ")
    return False
