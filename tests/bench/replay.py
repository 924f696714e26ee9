"""Replay thirty nights of one catalog through the nightly run and judge every release from outside: docs/stability.md.

Usage: replay.py ITEMS.PARQUET WAREHOUSE [--nights 30] [--seed 1] [--set KEY=VALUE ...]
Night 1 has four fifths of the items. Every later night adds some that were never there, edits and removes a few, and
brings back items that were removed before, with the content they had. What must hold is asked of the published tables
with DuckDB, and compared with what the replay itself did.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from semid.cli.job import run_job
from semid.jobs import nightly
from semid.tables.query import Reader, open_reader

FIRST = date(2026, 1, 1)
ADDED, EDITED, REMOVED, RETURNING = 0.005, 0.002, 0.004, 0.5
"""Shares of the catalog a night adds, edits and removes; the share of all missing items that comes back."""


@dataclass
class World:
    """Which rows of the file are in the feed, which were taken out, and how often each was edited."""

    items: pa.Table
    active: np.ndarray
    removed: np.ndarray
    edits: np.ndarray

    def feed(self) -> pa.Table:
        """Return the feed of the night; an edit is a number at the end of the title."""
        numbered = pc.binary_join_element_wise(
            pc.fill_null(self.items["title"], "item"), pa.array([f"edition {n}" for n in self.edits]), " "
        )
        titles = pc.if_else(pa.array(self.edits > 0), numbered, self.items["title"])
        table = self.items.set_column(self.items.schema.get_field_index("title"), "title", titles)
        return table.filter(pa.array(self.active))


@dataclass(frozen=True)
class Moves:
    """Rows that a night added, edited, removed and brought back."""

    added: np.ndarray
    edited: np.ndarray
    removed: np.ndarray
    returned: np.ndarray


def start(items: pa.Table, rng: np.random.Generator) -> World:
    nobody = np.zeros(len(items), np.bool_)
    return World(items, rng.random(len(items)) < 0.8, nobody, np.zeros(len(items), np.int64))


def move(world: World, rng: np.random.Generator) -> Moves:
    """Change the world by one night."""

    def some(of: np.ndarray, number: float) -> np.ndarray:
        rows = np.flatnonzero(of)
        return rng.choice(rows, min(len(rows), int(number)), replace=False)

    size = world.active.sum()
    returned = some(world.removed, RETURNING * world.removed.sum())
    added = some(~world.active & ~world.removed, ADDED * size)
    leaving = some(world.active, (REMOVED + EDITED) * size)
    removed, edited = np.split(leaving, [int(REMOVED * size)])
    world.active[returned] = world.active[added] = True
    world.active[removed] = False
    world.removed[returned] = False
    world.removed[removed] = True
    world.edits[edited] += 1
    return Moves(added, edited, removed, returned)


def asked(reader: Reader, sql: str) -> int:
    (row,) = reader.mappings(f"SELECT count(*) AS n FROM ({sql})")
    return int(row["n"])


def names(world: World, rows: np.ndarray) -> str:
    return ", ".join(f"'{item}'" for item in world.items["item_id"].take(pa.array(rows)).to_pylist()) or "NULL"


def judge(reader: Reader, world: World, moves: Moves, day: date) -> Iterator[tuple[str, int, int]]:
    """Yield (what, found, expected) of one release."""
    before, after = f"DATE '{day - timedelta(days=1)}'", f"DATE '{day}'"
    pairs = f"semantic_id_as_of({before}) AS a JOIN semantic_id_as_of({after}) AS b USING (item_id)"
    same = f"SELECT 1 FROM {pairs} WHERE a.content_hash = b.content_hash"
    yield "churn", asked(reader, f"{same} AND a.semantic_id <> b.semantic_id"), 0
    ids = "SELECT 1 FROM semantic_id GROUP BY codebook_version, semantic_id HAVING count(DISTINCT item_id) > 1"
    yield "shared", asked(reader, ids), 0
    yield "items", asked(reader, "SELECT item_id FROM semantic_id_current"), int(world.active.sum())
    (last,) = reader.mappings("SELECT counts FROM release ORDER BY release_id DESC LIMIT 1")
    counts = dict(last["counts"])
    yield "added", counts["added"], len(moves.added) + len(moves.returned)
    yield "removed", counts["removed"], len(moves.removed)
    yield "edited", counts["changed"], len(moves.edited)
    earlier = f"SELECT DISTINCT item_id, content_hash, semantic_id FROM semantic_id WHERE valid_to < {after}"
    back = f"item_id IN ({names(world, moves.returned)})"
    found = (
        f"SELECT DISTINCT item_id FROM semantic_id_current JOIN ({earlier}) USING (item_id, content_hash, semantic_id)"
    )
    yield "back with their old ID", asked(reader, f"{found} WHERE {back}"), len(moves.returned)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("items", type=Path)
    parser.add_argument("warehouse", type=Path)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[])
    flags = parser.parse_args()
    rng = np.random.default_rng(flags.seed)
    world = start(pq.read_table(flags.items), rng)
    settings = [word for setting in flags.set for word in ("--set", setting)]
    wrong = 0
    for night in range(1, flags.nights + 1):
        nobody = np.zeros(0, np.int64)
        moves = move(world, rng) if night > 1 else Moves(nobody, nobody, nobody, nobody)
        day, feed = FIRST + timedelta(days=night - 1), flags.warehouse.parent / "feed.parquet"
        pq.write_table(world.feed(), feed)
        begun = time.monotonic()
        where = ["--warehouse", str(flags.warehouse), "--catalog", str(feed), "--run-date", str(day)]
        if code := run_job(nightly.JOB, [*where, *settings]):
            sys.exit(f"night {night} ended with exit code {code}")
        seconds = time.monotonic() - begun
        if night == 1:
            print(f"night 1: {world.active.sum():,} items, {seconds:.0f} s", flush=True)
            continue
        found = list(judge(open_reader(str(flags.warehouse)), world, moves, day))
        wrong += sum(value != expected for _, value, expected in found)
        told = ", ".join(
            f"{what} {value:,}" + (f" (NOT {want:,})" if value != want else "") for what, value, want in found
        )
        print(f"night {night}: {told}, {seconds:.0f} s", flush=True)
    print(f"{flags.nights} nights, {wrong} numbers other than expected")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
