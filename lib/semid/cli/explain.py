"""Explain one item: its text, its codes and how clear each was, its bucket, its history and its neighbours.

Reads:      item_catalog, item_quarantine, item_embedding, codebook, semantic_id, semantic_id_change, release, run,
            code_label, code_map
Writes:     nothing
Exit codes: 0 done, 2 no such item (close ones are named) or no warehouse, 6 damaged tables or codebook, 7 environment
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from semid.cli.reader import as_table, read, reader_parser
from semid.errors import escape_controls
from semid.quantize.base import Codebook, quantization_error
from semid.quantize.margins import margins
from semid.tables.item_facts import ItemFacts, item_facts, open_codebook
from semid.tables.query import Reader

_WIDTH = 100
_LONGEST = 1000
"""Letters of a text that are shown: enough to see what was embedded."""

_SLIM = 0.05
"""A relative margin below this is called slim: a small edit may change the code."""


def arg_parser() -> argparse.ArgumentParser:
    """Return the command's flags."""
    parser = reader_parser("explain", __doc__)
    parser.add_argument("item_id", metavar="ITEM_ID", help="the feed's key of the item, exactly as given")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print what is known of an item and return the exit code."""
    flags = arg_parser().parse_args(argv)
    return read(flags, lambda reader: print(explanation(reader, flags.item_id)))


def explanation(reader: Reader, item_id: str) -> str:
    """Return everything known of an item, for a terminal.

    Raises:
        ConfigError: No table has the item.
        StoredDataError: Its codebook fails its check.
    """
    facts = item_facts(reader, item_id)
    sections = [
        _head(facts),
        _codes(facts, reader),
        _section("LABELS of its prefixes, with the items and purity of the day they were made", facts.labels),
        _bucket(facts),
        _section("HISTORY, oldest first", facts.history),
        _neighbours(facts),
        _section("QUARANTINE, newest first", facts.quarantine),
    ]
    return "\n\n".join(section for section in sections if section)


def _head(facts: ItemFacts) -> str:
    catalog, row = facts.catalog, facts.row
    lines = [_line("item", f"{facts.item_id} ({_state(facts)})")]
    if catalog is not None:
        lines += [_line(name, catalog[name]) for name in ("title", "brand") if catalog[name]]
        lines += [_line("category", " > ".join(catalog["category"]))] if catalog["category"] else []
        lines.append(_line("text", _cut(catalog["text"])))
        lines.append(_line("content", f"{catalog['content_hash']}, the text of {_items(catalog['same_text'])}"))
        if row is not None and row["content_hash"] != catalog["content_hash"]:
            lines.append(_line("", "the ID below was given to an earlier text; the next release gives it a new one"))
    lines += _origin(facts)
    return "\n".join(lines)


def _state(facts: ItemFacts) -> str:
    catalog, row = facts.catalog, facts.row
    if catalog is None:
        return "not in the catalog" if facts.history else "never taken: every row of it was set aside"
    since = f"in the catalog since {catalog['first_seen']}"
    if not catalog["is_active"]:
        return f"removed on {catalog['changed_on']}, {since}"
    if row is None or not row["is_current"]:
        return f"active, {since}, no current ID yet: the next release gives it one"
    return f"active, {since}"


def _origin(facts: ItemFacts) -> list[str]:
    row, codebook, embedding = facts.row, facts.codebook, facts.embedding
    if row is None:
        return []
    until = "" if row["valid_to"] is None else f" until {row['valid_to']}"
    current = "" if row["is_current"] else ", which readers do not see now"
    lines = [
        _line("id", f"{row['semantic_id']} since {row['valid_from']}{until} (release {row['release_id']}){current}")
    ]
    if codebook is not None:
        sizes = " x ".join(map(str, codebook["codebook_sizes"]))
        lines.append(_line("codebook", f"{codebook['codebook_version']}, {codebook['kind']} {sizes}"))
        lines.append(_line("model", codebook["model"]))
    if embedding is not None:
        when = f"{embedding['embedded_at']:%Y-%m-%d %H:%M:%S} UTC"
        lines.append(_line("vector", f"{embedding['dim']} wide, computed {when} by {embedding['run_id']}"))
    else:
        lines.append(_line("vector", "not stored: distances, margins and neighbours cannot be shown"))
    return lines


def _codes(facts: ItemFacts, reader: Reader) -> str:
    row, vector = facts.row, facts.vector
    if row is None or vector is None:
        return ""
    codebook = open_codebook(reader, row["codebook_version"])
    codes = np.array([row["codes"]], np.int32)
    found = margins(codebook, vector, codes)
    rows = [
        [
            level + 1,
            int(codes[0, level]),
            float(found.distance[0, level]),
            int(found.runner_up[0, level]),
            float(found.runner_up_distance[0, level]),
            round(margin, 4),
            _clarity(margin),
        ]
        for level, margin in enumerate(found.relative[0].tolist())
    ]
    names = ["level", "code", "distance", "runner_up", "its_distance", "margin", ""]
    return "\n".join(
        [
            "CODES: distance to the centroid of the code and of the next best; margin = 1 - distance / its_distance",
            as_table(names, rows),
            _error(codebook, vector, codes),
        ]
    )


def _clarity(margin: float) -> str:
    if margin < 0:
        return "another code is nearer: kept after a retrain, or that one was full"
    return "slim" if margin < _SLIM else ""


def _error(codebook: Codebook, vector: np.ndarray[Any, np.dtype[np.float32]], codes: np.ndarray[Any, Any]) -> str:
    error = float(quantization_error(vector, codebook.decode(codes))[0])
    length = float(np.square(vector, dtype=np.float64).sum())
    return f"squared error of the reconstruction: {error:.6g}, of a vector with squared length {length:.6g}"


def _bucket(facts: ItemFacts) -> str:
    if facts.row is None or facts.bucket is None or not facts.bucket["items"]:
        return ""
    items, contents = facts.bucket["items"], facts.bucket["contents"]
    code = facts.row["prefixes"][-1]
    texts = "1 text" if contents == 1 else f"{contents:,} texts"
    return _section(f"BUCKET {code}: {_items(items)}, {texts}", facts.members) or (
        f"BUCKET {code}: {_items(items)}, {texts}; no other item shares these codes"
    )


def _neighbours(facts: ItemFacts) -> str:
    near = facts.neighbours
    if near is None:
        return "NEIGHBOURS: no other text shares a prefix" if facts.vector is not None else ""
    return _section(f"NEIGHBOURS: nearest of {near.contents:,} other texts with the prefix {near.prefix}", near.rows)


def _section(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    columns = list(rows[0])
    return f"{title}\n{as_table(columns, [[row[name] for name in columns] for row in rows])}"


def _line(label: str, value: object) -> str:
    text = escape_controls(str(value))
    return textwrap.fill(
        text, _WIDTH, initial_indent=f"{label:<11}", subsequent_indent=" " * 11, break_on_hyphens=False
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} letters in all)"


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count:,} items"
