"""Measure how far IDs move when a codebook is trained again, and print the tables of docs/stability.md.

Usage: stability.py WAREHOUSE ... [--kinds rkmeans rqvae] [--items 12000]   (warehouses of `make bench`, named first)
A catalog is cut down to `--items` items by a hash of their ids, split by another hash (the seed is its salt) into a
base and held-back items, and fitted on the base. Then it grows by 5 and 20 % of the base and, where the warehouse has
two nights, from the first night to the second, and each way of going on is measured: churn over the items whose
content is unchanged, errors over all items with the codes that they would really get.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semid.measure.churn import churn
from semid.quantize.align import aligned, count_matrices
from semid.quantize.base import Codebook, quantization_error
from semid.quantize.hysteresis import keep_codes
from semid.quantize.quantizers import quantizer
from semid.tables.query import open_reader

TOLERANCE = 0.1
PARAMS = {"rqvae": {"threads": 1}}
COLUMNS = ("d1", "d2", "d3", "error", "against cold", "new items", "CPU s")
NAMES = ("cold raw", "cold aligned", "cold aligned + hysteresis", "frozen", "warm", "warm + hysteresis", "default")


@dataclass(frozen=True)
class Catalog:
    """Distinct vectors (n, d), and the row of each item's vector on the first and on the last day, -1 for absent."""

    name: str
    x: np.ndarray
    items: list[str]
    first: np.ndarray
    last: np.ndarray


@dataclass(frozen=True)
class Growth:
    """A catalog before and after: the row of each item's vector, -1 for absent."""

    name: str
    before: np.ndarray
    after: np.ndarray

    @property
    def unchanged(self) -> np.ndarray:
        return (self.before == self.after) & (self.after >= 0)


def read_catalog(warehouse: str, most: int) -> Catalog:
    reader = open_reader(warehouse)
    vectors = {
        row["content_hash"]: row["embedding"]
        for row in reader.mappings("SELECT content_hash, embedding FROM item_embedding")
    }
    rows = [
        row
        for row in reader.mappings("SELECT item_id, content_hash, valid_from, valid_to FROM semantic_id")
        if row["content_hash"] in vectors
    ]
    items = sorted(sorted({row["item_id"] for row in rows}, key=lambda item: share(item, "sample"))[:most])
    place = {item: i for i, item in enumerate(items)}
    rows = [row for row in rows if row["item_id"] in place]
    contents = sorted({row["content_hash"] for row in rows})
    number = {content: i for i, content in enumerate(contents)}
    start = min(row["valid_from"] for row in rows)
    first, last = np.full(len(items), -1), np.full(len(items), -1)
    for row in rows:
        if row["valid_from"] == start:
            first[place[row["item_id"]]] = number[row["content_hash"]]
        if row["valid_to"] is None:
            last[place[row["item_id"]]] = number[row["content_hash"]]
    x = np.array([vectors[content] for content in contents], np.float32)
    return Catalog(Path(warehouse).name, x, items, first, last)


def share(item: str, salt: object) -> float:
    """Return a number in [0, 1) that depends on the item and the salt alone."""
    return int.from_bytes(hashlib.sha256(f"{salt}/{item}".encode()).digest()[:8], "big") / 2**64


def growths(catalog: Catalog, seed: int) -> Iterator[Growth]:
    shares = np.array([share(item, seed) for item in catalog.items])
    base = np.where(shares < 1 / 1.2, catalog.last, -1)
    yield Growth("+5 %", base, np.where(shares < 1.05 / 1.2, catalog.last, -1))
    yield Growth("+20 %", base, catalog.last)
    if (catalog.first != catalog.last).any():
        yield Growth("second snapshot", catalog.first, catalog.last)


class Study:
    """One kind and one seed on one catalog."""

    def __init__(self, catalog: Catalog, kind: str, sizes: tuple[int, ...], seed: int) -> None:
        self.catalog, self.kind, self.sizes, self.seed = catalog, kind, sizes, seed
        self.bases: dict[bytes, Codebook] = {}

    def fit(self, items: np.ndarray, seed: int, warm_start: Codebook | None = None) -> tuple[Codebook, float]:
        """Return a codebook fitted on the distinct vectors of items, and the CPU seconds that took."""
        rows = np.unique(items[items >= 0])
        started = time.process_time()
        recipe = quantizer(self.kind, self.sizes, PARAMS.get(self.kind, {}))
        codebook = recipe.fit(self.catalog.x[rows], np.random.default_rng(seed), warm_start)
        return codebook, time.process_time() - started

    def base(self, growth: Growth) -> Codebook:
        key = growth.before.tobytes()
        if key not in self.bases:
            self.bases[key] = self.fit(growth.before, self.seed)[0]
        return self.bases[key]

    def run(self, growth: Growth) -> dict[str, list[float]]:
        """Return the columns of each way to go on."""
        base = self.base(growth)
        cold, cold_seconds = self.fit(growth.after, self.seed + 100)
        warm, warm_seconds = self.fit(growth.after, self.seed, base)
        x = self.catalog.x[growth.after[growth.after >= 0]]
        unchanged = growth.unchanged[growth.after >= 0]
        old = np.full((len(x), len(self.sizes)), -1, np.int32)
        old[unchanged] = base.encode(x[unchanged])

        def renamed(codebook: Codebook) -> Codebook:
            counts = count_matrices(codebook.encode(x[unchanged]), old[unchanged], self.sizes, self.sizes)
            return aligned(codebook, counts)[0]

        def measured(codebook: Codebook, codes: np.ndarray, seconds: float) -> list[float]:
            errors = quantization_error(x, codebook.decode(codes)).astype(np.float64)
            variance = x.var(axis=0, dtype=np.float64).sum()
            new = errors[~unchanged].mean() / variance
            return [*churn(old[unchanged], codes[unchanged]), errors.mean() / variance, np.nan, new, seconds]

        cold_aligned, default = renamed(cold), renamed(warm)
        ways = [
            (cold, cold.encode(x), cold_seconds),
            (cold_aligned, cold_aligned.encode(x), cold_seconds),
            (cold_aligned, keep_codes(x, cold_aligned, old, TOLERANCE).codes, cold_seconds),
            (base, base.encode(x), 0.0),
            (warm, warm.encode(x), warm_seconds),
            (warm, keep_codes(x, warm, old, TOLERANCE).codes, warm_seconds),
            (default, keep_codes(x, default, old, TOLERANCE).codes, warm_seconds),
        ]
        table = {name: measured(*way) for name, way in zip(NAMES, ways, strict=True)}
        for row in table.values():
            row[4] = row[3] / table["cold raw"][3] - 1
        return table


def show(title: str, tables: list[dict[str, list[float]]]) -> None:
    """Print the mean of some tables, and behind ± the standard deviation."""
    print(f"\n{title}\n\n| | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}")
    for name in tables[0]:
        values = np.array([table[name] for table in tables])
        cells = zip(COLUMNS, values.mean(axis=0), values.std(axis=0), strict=True)
        print(f"| {name} | " + " | ".join(cell(*parts) for parts in cells) + " |", flush=True)


def cell(column: str, mean: float, spread: float) -> str:
    if column == "CPU s":
        return f"{mean:.1f}"
    if column == "against cold":
        return f"{mean:+.2%} ± {spread:.2%}"
    return f"{mean:.4f} ± {spread:.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("warehouse", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[20, 21, 22])
    parser.add_argument("--items", type=int, default=12_000)
    parser.add_argument("--kinds", nargs="+", default=["rkmeans", "rqvae"])
    parser.add_argument("--sizes", type=int, nargs=3, default=[256, 256, 256])
    flags = parser.parse_args()
    for warehouse in flags.warehouse:
        catalog = read_catalog(warehouse, flags.items)
        print(f"\n## {catalog.name}: {len(catalog.items):,} items, {len(catalog.x):,} distinct contents", flush=True)
        for kind in flags.kinds:
            found = defaultdict(list)
            for seed in flags.seeds:
                study = Study(catalog, kind, tuple(flags.sizes), seed)
                for growth in growths(catalog, seed):
                    found[growth.name].append(study.run(growth))
            for name, tables in found.items():
                show(f"`{kind}`, {name}", tables)


if __name__ == "__main__":
    main()
