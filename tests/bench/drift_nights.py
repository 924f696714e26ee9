"""Inject faults into real nights and print which check stops them: the second table of docs/drift.md.

Usage: drift_nights.py ITEMS.PARQUET --other ITEMS.PARQUET [--items 4000] [--set KEY=VALUE ...] [--only WORD ...]
A first night publishes the first items. Every case copies that warehouse and runs one more `semid nightly` on it, in
which a twentieth of the items is edited. The fault is in the feed, in the settings, or done to the tables between
embedding and training, as another program would.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from semid.cli.job import Context, Job, StepResult, job_parser, run_job, start_session
from semid.config import SparkConfig
from semid.jobs import nightly
from semid.quantize.align import permuted
from semid.quantize.base import Codebook
from semid.quantize.codebook import from_bytes, sha256, to_bytes
from semid.tables.query import open_reader

COLUMNS = ["item_id", "title", "brand", "category", "description", "price"]
EDITED = 20
"""One item in so many is edited."""
FIRST, SECOND = "2026-01-01", "2026-01-02"
Feed = Callable[[pa.Table, np.ndarray], pa.Table]
"""(the feed of the night before, rows to edit) -> tonight's feed."""
Vectors = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Case:
    """A night with a fault."""

    name: str
    feed: Feed
    tamper: Callable[[Context], None] | None = None
    settings: Sequence[str] = ()


def titled(edit: Callable[[str, int], str], *, alone: bool = False) -> Feed:
    """Edit the titles of the rows; `alone` empties their other texts."""

    def feed(items: pa.Table, rows: np.ndarray) -> pa.Table:
        titles = items["title"].to_pylist()
        for number, row in enumerate(rows):
            titles[row] = edit(titles[row] or "item", number)
        changed = items.set_column(items.schema.get_field_index("title"), "title", pa.array(titles))
        if not alone:
            return changed
        keep = np.ones(len(items), np.bool_)
        keep[rows] = False
        for name in ("brand", "category", "description"):
            at, column = items.schema.get_field_index(name), items[name]
            changed = changed.set_column(
                at, name, pc.if_else(pa.array(keep), column, pa.nulls(len(items), column.type))
            )
        return changed

    return feed


def halved(items: pa.Table, rows: np.ndarray) -> pa.Table:
    return items.slice(0, int(0.45 * len(items)))


def again(items: pa.Table, rows: np.ndarray) -> pa.Table:
    """Published items once more under other ids, with a dot more in their titles."""
    twins = items.take(rows)
    twins = twins.set_column(0, "item_id", pc.binary_join_element_wise("twin", twins["item_id"], "-"))
    titles = pc.binary_join_element_wise(pc.fill_null(twins["title"], ""), ".", " ")
    return pa.concat_tables([items, twins.set_column(items.schema.get_field_index("title"), "title", titles)])


def others(file: str) -> Feed:
    """Items of another catalog arrive: the codebook is stale for them."""
    return lambda items, rows: pa.concat_tables(
        [items, pq.read_table(file, columns=COLUMNS).slice(0, len(rows)).cast(items.schema)]
    )


def vectors(change: Vectors) -> Callable[[Context], None]:
    """Replace the vectors that this run has embedded."""

    def tamper(ctx: Context) -> None:
        mine = ctx.store.read("item_embedding").where(f"run_id LIKE '{ctx.run_id}%'").orderBy("content_hash").collect()
        x = change(np.array([row.embedding for row in mine], np.float32))
        rows = [row.asDict() | {"embedding": x[n].tolist()} for n, row in enumerate(mine)]
        ctx.store.replace_where(
            ctx.store.frame(rows, "item_embedding"), "item_embedding", f"run_id LIKE '{ctx.run_id}%'"
        )

    return tamper


def codebook(change: Callable[[Codebook], Codebook]) -> Callable[[Context], None]:
    """Replace the codebook, with a right checksum; the table itself would refuse it."""

    def tamper(ctx: Context) -> None:
        table = f"delta.`{ctx.store.path('codebook')}`"
        ctx.spark.sql(f"ALTER TABLE {table} SET TBLPROPERTIES (delta.appendOnly = false)")
        rows = [row.asDict() for row in ctx.store.read("codebook").collect()]
        for row in rows:
            artifact = to_bytes(change(from_bytes(bytes(row["artifact"]))))
            row |= {"artifact": bytearray(artifact), "artifact_sha256": sha256(artifact)}
        ctx.store.replace_where(ctx.store.frame(rows, "codebook"), "codebook", "true")

    return tamper


def unit(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def noise(share: float) -> Vectors:
    return lambda x: unit(x + share * unit(np.random.default_rng(1).standard_normal(x.shape)))


def rotated(x: np.ndarray) -> np.ndarray:
    return unit(x @ np.linalg.qr(np.random.default_rng(0).standard_normal((x.shape[1], x.shape[1])))[0])


def shuffled(book: Codebook) -> Codebook:
    first, *rest = (np.arange(size, dtype=np.int32) for size in book.sizes)
    return permuted(book, [np.random.default_rng(0).permutation(first).astype(np.int32), *rest])


def collapsed(book: Codebook) -> Codebook:
    arrays = book.arrays()
    arrays["centroids_2"] = np.repeat(arrays["centroids_2"][:1], len(arrays["centroids_2"]), axis=0)
    return type(book).from_arrays(arrays, book.metadata())


def cases(other: str) -> list[Case]:
    """Return the cases, a quiet night first."""
    edition = titled(lambda title, _: f"{title} edition 2")
    return [
        Case("nothing: a quiet night", edition),
        *[Case(f"noise of {share:.0%}", edition, vectors(noise(share))) for share in (0.01, 0.05, 0.1, 0.3)],
        Case("vectors of another model, equal width", edition, vectors(rotated)),
        Case("all vectors equal", edition, vectors(lambda x: np.repeat(x[:1], len(x), axis=0))),
        Case("the configured template changed", edition, settings=['text.parts=["product: {title}"]']),
        Case("texts cut to 10 characters", titled(lambda title, _: title[:10], alone=True)),
        Case("one placeholder for all texts", titled(lambda _title, _: "title to follow", alone=True)),
        Case("one category floods", titled(lambda _title, n: f"hair conditioner for dry hair, {n} ml", alone=True)),
        Case("half of the catalog missing", halved),
        Case("published items again under new ids", again),
        Case("another catalog's items (stale codebook)", others(other)),
        Case("codebook rows of level 1 permuted", edition, codebook(shuffled)),
        Case("level 2 collapsed", edition, codebook(collapsed)),
    ]


def outcome(case: Case, items: pa.Table, warehouse: str, settings: Sequence[str]) -> tuple[str, ...]:
    """Return exit code, verdict, the metrics that gave it and their values, of one night on a copy."""
    rows = np.sort(np.random.default_rng(2).permutation(len(items))[: len(items) // EDITED])
    with tempfile.TemporaryDirectory() as folder:
        copied, feed = f"{folder}/warehouse", f"{folder}/feed.parquet"
        shutil.copytree(warehouse, copied)
        pq.write_table(case.feed(items, rows), feed)
        exit_code = night(case, [*flags_of(copied, feed, SECOND, [*settings, *case.settings]), "--run-id", "tonight"])
        found = open_reader(copied).mappings("SELECT * FROM drift_report WHERE run_id = 'tonight'")
    worst = next((status for status in ("block", "warn") if any(row["status"] == status for row in found)), "pass")
    named = {row["metric"] + (f" {row['level']}" if row["level"] else ""): row["value"] for row in found
             if row["status"] == worst != "pass"}  # fmt: skip
    values = ", ".join("none" if value is None else f"{value:.3g}" for value in named.values())
    return str(exit_code), worst if found else "refused before", ", ".join(named) or "-", values or "-"


def flags_of(warehouse: str, feed: str, day: str, settings: Sequence[str]) -> list[str]:
    chosen = [part for one in settings for part in ("--set", one)]
    return ["--warehouse", warehouse, "--catalog", feed, "--run-date", day, *chosen]


def night(case: Case, flags: list[str]) -> int:
    """Run a night, with the case's fault as a step of its own after embedding."""
    steps = list(nightly.STEPS)
    if case.tamper is not None:
        steps.insert(2, SimpleNamespace(JOB=Job("tamper", lambda: job_parser(""), tampering(case.tamper), ())))
    before, nightly.STEPS = nightly.STEPS, tuple(steps)
    try:
        return run_job(nightly.JOB, flags)
    finally:
        nightly.STEPS = before


def tampering(tamper: Callable[[Context], None]) -> Callable[[Context], StepResult]:
    def step(ctx: Context) -> StepResult:
        tamper(ctx)
        return StepResult(0, 0)

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--other", required=True, help="items of another catalog")
    parser.add_argument("--items", type=int, default=4000)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="cases whose names have one of these")
    flags = parser.parse_args()
    start_session(SparkConfig(properties=None)).sparkContext.setLogLevel("OFF")
    logging.getLogger("semid").setLevel(logging.WARNING)
    items = pq.read_table(flags.file, columns=COLUMNS).slice(0, flags.items)
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(items, f"{folder}/feed.parquet")
        if run_job(nightly.JOB, flags_of(f"{folder}/warehouse", f"{folder}/feed.parquet", FIRST, flags.set)) != 0:
            sys.exit("the first night failed")
        print(f"{flags.file}: {len(items):,} items published, {len(items) // EDITED} edited\n")
        print("| fault | exit | verdict | by | values |\n|---|---|---|---|---|", flush=True)
        for case in cases(flags.other):
            if not any(word in case.name for word in flags.only):
                continue
            found = outcome(case, items, f"{folder}/warehouse", flags.set)
            print(f"| {case.name} | " + " | ".join(found) + " |", flush=True)


if __name__ == "__main__":
    main()
