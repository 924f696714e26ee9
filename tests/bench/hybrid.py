"""Recall against the share of items scanned, of prefix filters with several probes: the tables of docs/hybrid.md.

Usage: hybrid.py WAREHOUSE [--fit 12000] [--queries 1000] [--probes 1 2 4 ...]   (of `make bench`)
Residual k-means of 3 x 256 codes, fitted to at most `--fit` of the distinct contents; queries are contents that neither the
codebook nor the index has seen, and their true neighbours the 10 nearest by cosine. `plain` ranks the filter's
prefixes by one mean each, which is faiss IndexIVFFlat with our codes for lists; `faiss` is that index as faiss trains it. Then
the same queries in SQL, and seconds per 1,000 queries, in turns, the least of five.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import faiss
import numpy as np
from codes import read_catalog

from semid.downstream.hybrid import Found, PrefixIndex, index, prefix_points, search
from semid.downstream.hybrid_sql import search_sql
from semid.quantize.base import Codebook
from semid.quantize.quantizers import quantizer
from semid.tables.query import open_reader

K, TURNS = 10, 5
SIZES = (256, 256, 256)
PROBES = {1: (1, 2, 4, 6, 7, 8, 16), 2: (1, 8, 16, 24, 32, 36, 64, 128)}
FEW = 50
"""Items whose neighbours are asked of SQL too, 50 of them."""


def split(x: np.ndarray, queries: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng(0).permutation(len(x))
    return x[np.sort(order[queries:])], x[order[:queries]]


def fitted(x: np.ndarray, most: int) -> Codebook:
    rows = np.sort(np.random.default_rng(1).permutation(len(x))[:most])
    return quantizer("rkmeans", SIZES, {}).fit(x[rows], np.random.default_rng(20))


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean([len(set(a) & set(b)) for a, b in zip(found.tolist(), truth.tolist(), strict=True)]) / K)


def show_recall(name: str, at: PrefixIndex, asked: np.ndarray, truth: np.ndarray, probes: Sequence[int]) -> None:
    for count in probes:
        found = search(at, asked, K, count)
        share = found.scanned.mean() / len(at.rows)
        print(
            f"| {name} | {count} | {share:.2%} | {recall(found.rows, truth):.3f} | {len(at.points.owner):,} |",
            flush=True,
        )


def show_faiss(x: np.ndarray, asked: np.ndarray, truth: np.ndarray, most: int) -> None:
    lists = faiss.IndexIVFFlat(faiss.IndexFlatL2(x.shape[1]), x.shape[1], SIZES[0])
    lists.train(x[np.sort(np.random.default_rng(1).permutation(len(x))[:most])])
    lists.add(x)
    for count in PROBES[1]:
        lists.nprobe = count
        faiss.cvar.indexIVF_stats.reset()
        found = lists.search(asked, K)[1]
        share = faiss.cvar.indexIVF_stats.ndis / len(asked) / len(x)
        print(f"| faiss IVF256 | {count} | {share:.2%} | {recall(found, truth):.3f} | {SIZES[0]} |", flush=True)


def exact(x: np.ndarray, asked: np.ndarray) -> Callable[[], np.ndarray]:
    def scan() -> np.ndarray:
        products = asked @ x.T
        return np.argpartition(-products, K, axis=1)[:, :K]

    return scan


def show_seconds(ways: dict[str, Callable[[], object]]) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - started)
    for name, spent in seconds.items():
        print(f"| {name} | {min(spent):.3f} |")


def compare_sql(warehouse: str, depth: int, probes: int) -> None:
    """Ask the published IDs for the neighbours of every so many-th item, in SQL and by the library."""
    reader = open_reader(warehouse)
    rows = reader.mappings(
        "SELECT i.item_id, i.codes, e.embedding FROM semantic_id_current i JOIN codebook c USING (codebook_version)"
        " JOIN item_embedding e ON e.content_hash = i.content_hash AND e.model = c.model ORDER BY i.item_id"
    )
    x = np.array([row["embedding"] for row in rows], np.float32)
    codes = np.array([row["codes"] for row in rows], np.int32)
    asked = np.arange(0, len(x), max(1, len(x) // FEW))
    names = ", ".join("'" + str(rows[i]["item_id"]).replace("'", "''") + "'" for i in asked)
    query = f"SELECT item_id AS query_id, embedding FROM vector WHERE item_id IN ({names})"
    started = time.perf_counter()
    answers = reader.mappings(search_sql(query, depth, probes, K))
    seconds = time.perf_counter() - started
    found: Found = search(index(x, codes, prefix_points(x, codes, depth)), x[asked], K, probes)
    mine = [rows[i]["item_id"] for answer in found.rows for i in answer if i >= 0]
    equal = sum(a == b["item_id"] for a, b in zip(mine, answers, strict=True))
    print(
        f"depth {depth}, {probes} probes, {len(asked)} items: {equal} of {len(mine)} ranks equal, SQL took {seconds:.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warehouse")
    parser.add_argument("--fit", type=int, default=12_000)
    parser.add_argument("--queries", type=int, default=1_000)
    flags = parser.parse_args()
    faiss.omp_set_num_threads(1)
    x = read_catalog(flags.warehouse).x
    x, asked = split(x / np.linalg.norm(x, axis=1, keepdims=True), flags.queries)
    truth = exact(x, asked)()
    codes = fitted(x, flags.fit).encode(x)
    one, two = (index(x, codes, prefix_points(x, codes, depth)) for depth in (1, 2))
    print(f"{Path(flags.warehouse).name}: {len(x):,} contents, {len(asked):,} queries\n")
    print("| filter | probes | scanned | recall@10 | points compared |\n|---|---|---|---|---|")
    show_recall("depth 1", one, asked, truth, PROBES[1])
    show_recall("depth 2", two, asked, truth, PROBES[2])
    show_recall("depth 1, plain", index(x, codes, prefix_points(x, codes, 1, 1)), asked, truth, PROBES[1])
    show_faiss(x, asked, truth, flags.fit)
    print("\n| 1,000 queries | s |\n|---|---|")
    show_seconds(
        {
            "all vectors, one matrix product": exact(x, asked),
            "depth 1, 7 probes": lambda: search(one, asked, K, 7),
            "depth 2, 24 probes": lambda: search(two, asked, K, 24),
        }
    )
    print()
    compare_sql(flags.warehouse, 1, 7)
    compare_sql(flags.warehouse, 2, 24)


if __name__ == "__main__":
    main()
