"""Inject drifts into real vectors, night by night, and print which check of the gate finds each: docs/drift.md.

Usage: drifts.py WAREHOUSE [--nights 30] [--seed 1]      (a warehouse that `make bench` made)
Half of the contents are published, a codebook is trained on them; every night a fiftieth of the other half arrives. The
nights are simulated on arrays, the checks are the gate's own functions with its packaged thresholds; the counting that
Spark does for them is done once more here, with NumPy.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semid.config import load_config
from semid.measure.checks import compare, reproduced
from semid.measure.drift import LevelCounts, Profile
from semid.measure.fit import fit
from semid.measure.gate import Check, decide, load_thresholds
from semid.measure.neighbours import SAMPLE, CodedSample, compare_neighbours
from semid.measure.shift import VectorSums, compare_vectors
from semid.measure.streak import NIGHTS, statuses_of, streaks
from semid.quantize.align import permuted
from semid.quantize.base import Codebook, quantization_error
from semid.quantize.codebook import from_bytes
from semid.quantize.hysteresis import keep_codes
from semid.quantize.rkmeans import RkmeansCodebook
from semid.tables.query import open_reader
from semid.text.embedder import embedder
from semid.text.model import spec_of

SHARE = 50


@dataclass(frozen=True)
class World:
    """Contents with vectors (n, d), texts and first category, of which `known` are published."""

    x: np.ndarray
    texts: list[str]
    category: np.ndarray
    known: np.ndarray
    codebook: Codebook
    metrics: dict[str, object]


Change = Callable[[World, np.ndarray, np.ndarray, int], np.ndarray]
"""(world, rows that arrive, their vectors, night from 1) -> the vectors that arrive."""


def build(warehouse: str, seed: int) -> World:
    reader = open_reader(warehouse)
    rows = reader.mappings(
        "SELECT e.content_hash, any_value(embedding) AS embedding, any_value(text) AS text, "
        "any_value(category[2]) AS category FROM item_embedding AS e JOIN item_catalog USING (content_hash) "
        "GROUP BY e.content_hash ORDER BY e.content_hash"
    )
    x = np.array([row["embedding"] for row in rows], np.float32)
    known = np.zeros(len(x), np.bool_)
    known[np.random.default_rng(seed).permutation(len(x))[: len(x) // 2]] = True
    config = load_config(overrides=["codebook.kind=rkmeans", f"codebook.seed={seed}"])
    row, artifact = fit(x[known], config.codebook)
    category = np.array([row["category"] or "" for row in rows])
    return World(x, [row["text"] for row in rows], category, known, from_bytes(artifact), json.loads(row["metrics"]))


def arrivals_of(world: World, night: int) -> np.ndarray:
    """Return the rows that arrive on a night: the nights share out what is not published, then begin again."""
    waiting = np.flatnonzero(~world.known)
    return waiting[(night - 1) % SHARE :: SHARE]


def checks_of(world: World, codebook: Codebook, before: np.ndarray, old: np.ndarray, x: np.ndarray) -> list[Check]:
    """Return the checks of a night: vectors `before` and `old` codes of what is published, vectors `x` that arrive."""
    codes = codebook.encode(x)
    error = quantization_error(x, codebook.decode(codes)).astype(np.float64)
    state = np.concatenate([old, codes])
    buckets = np.unique(state, axis=0, return_counts=True)[1]
    items, arrived = float(len(state)), float(len(x))
    facts = {
        "active_items": items, "uncovered_items": 0.0, "current_items": float(len(old)), "changed_ids": 0.0,
        "kept_items": float(len(old)), "removed_items": 0.0, "items": items, "contents": items,
        "distinct_codes": float(len(buckets)), "largest_bucket_items": float(buckets.max()),
        "largest_bucket_contents": float(buckets.max()), "arrival_contents": arrived,
        "arrival_error": float(error.mean()),
    }  # fmt: skip
    levels = [
        LevelCounts(level + 1, *(np.bincount(rows[:, level], minlength=size) for rows in (state, codes, old)))
        for level, size in enumerate(codebook.sizes)
    ]
    limits = load_thresholds()
    norms = float(np.linalg.norm(x.astype(np.float64), axis=1).sum())
    sums = VectorSums(0, len(x), x.sum(axis=0, dtype=np.float64), norms)
    found = compare(Profile(facts, levels), world.metrics, limits)
    shifted = compare_vectors(sums, world.metrics, limits.centroid_shift, limits.embedding_norm)
    near = compare_neighbours(sample_of(before, old, x, codes), world.metrics, limits.neighbour_preservation)
    return [*found, *shifted, *near, again(world, codebook)]


def sample_of(before: np.ndarray, old: np.ndarray, x: np.ndarray, codes: np.ndarray) -> CodedSample:
    """Return a fair sample of what is published and arrives, and all arrivals."""
    everything, arrived = np.concatenate([before, x]), np.arange(len(before) + len(x)) >= len(before)
    among = np.random.default_rng(len(before)).permutation(len(everything)) < SAMPLE
    seen = among | arrived
    return CodedSample(everything[seen], np.concatenate([old, codes])[seen], arrived[seen], ~arrived[seen], among[seen])


def again(world: World, codebook: Codebook) -> Check:
    """Return the check of a sample of published codes against what the codebook of tonight gives."""
    sample = world.x[world.known][::3]
    kept = keep_codes(sample, codebook, world.codebook.encode(sample), 0.0).kept
    return reproduced(len(kept), int((~kept).sum()))


def nights(world: World, codebook: Codebook, change: Change, count: int) -> Iterator[tuple[int, list[Check]]]:
    """Yield night and checks until a night blocks; what arrives on a night that passes is published."""
    before = world.x[world.known]
    old, earlier = world.codebook.encode(before), []
    for night in range(1, count + 1):
        rows = arrivals_of(world, night)
        x = change(world, rows, world.x[rows], night)
        checks = checks_of(world, codebook, before, old, x)
        checks.append(streaks(checks, earlier[: NIGHTS - 1]))
        earlier.insert(0, statuses_of(checks))
        yield night, checks
        if decide(checks).status == "block":
            return
        before, old = np.concatenate([before, x]), np.concatenate([old, codebook.encode(x)])


def unit(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def noise(share: float, per_night: bool = False) -> Change:
    """Noise of this share of the vectors' length; growing night by night when `per_night`."""

    def change(world: World, rows: np.ndarray, x: np.ndarray, night: int) -> np.ndarray:
        rng = np.random.default_rng(night)
        size = share * (night if per_night else 1)
        return unit(x + size * unit(rng.standard_normal(x.shape)))

    return change


def rotated(world: World, rows: np.ndarray, x: np.ndarray, night: int) -> np.ndarray:
    """Another model of equal width, as far as lengths and angles tell: the same vectors in another basis."""
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((x.shape[1], x.shape[1])))[0]
    return unit(x @ basis)


def embedded(edit: Callable[[str], str]) -> Change:
    """The arrivals' texts, edited and embedded anew by the real model."""

    def change(world: World, rows: np.ndarray, x: np.ndarray, night: int) -> np.ndarray:
        model = embedder(spec_of(load_config().embedding), "cpu")
        return np.asarray(model.embed([edit(world.texts[row]) for row in rows], [str(row) for row in rows]))

    return change


def flooded(world: World, rows: np.ndarray, x: np.ndarray, night: int) -> np.ndarray:
    """Every arrival comes from one category."""
    names, counts = np.unique(world.category[~world.known], return_counts=True)
    usual = np.argsort(counts)[::-1][2]
    of_it = np.flatnonzero((world.category == names[usual]) & ~world.known)
    return world.x[np.random.default_rng(night).choice(of_it, len(rows), replace=len(of_it) < len(rows))]


def equal(world: World, rows: np.ndarray, x: np.ndarray, night: int) -> np.ndarray:
    return np.repeat(x[:1], len(x), axis=0)


def doubled(world: World, rows: np.ndarray, x: np.ndarray, night: int) -> np.ndarray:
    """Old contents arrive as if they were new: near-duplicates of what is published."""
    return world.x[np.flatnonzero(world.known)[rows % int(world.known.sum())]]


def same(world: World, rows: np.ndarray, x: np.ndarray, night: int) -> np.ndarray:
    return x


def other_half(world: World, rows: np.ndarray, x: np.ndarray, night: int) -> np.ndarray:
    """A codebook that is stale: what arrives are the contents farthest from what it was trained on."""
    waiting = np.flatnonzero(~world.known)
    y = world.x[waiting]
    error = quantization_error(y, world.codebook.decode(world.codebook.encode(y)))
    far = waiting[np.argsort(error)[::-1][: len(waiting) // 4]]
    return world.x[far[(night - 1) % 8 :: 8]]


def shuffled(codebook: Codebook) -> Codebook:
    """The codebook with the rows of its first level in another order, registered with a right checksum."""
    rng = np.random.default_rng(0)
    first, *rest = (np.arange(size, dtype=np.int32) for size in codebook.sizes)
    return permuted(codebook, [rng.permutation(first).astype(np.int32), *rest])


def collapsed(codebook: Codebook) -> Codebook:
    """The codebook with one centroid in all rows of its second level."""
    levels = list(codebook.centroids)
    levels[1] = np.repeat(levels[1][:1], len(levels[1]), axis=0)
    return RkmeansCodebook(tuple(levels))


CASES: list[tuple[str, Change, Callable[[Codebook], Codebook]]] = [
    ("nothing: quiet nights", same, lambda c: c),
    ("noise of 1 %", noise(0.01), lambda c: c),
    ("noise of 5 %", noise(0.05), lambda c: c),
    ("noise of 10 %", noise(0.10), lambda c: c),
    ("noise of 30 %", noise(0.30), lambda c: c),
    ("noise growing by 0.5 % a night", noise(0.005, per_night=True), lambda c: c),
    ("noise growing by 2 % a night", noise(0.02, per_night=True), lambda c: c),
    ("model swapped, equal width (rotated)", rotated, lambda c: c),
    ("template changed (upper case, prefixed)", embedded(lambda text: "product: " + text.upper()), lambda c: c),
    ("texts cut to 10 characters", embedded(lambda text: text[:10]), lambda c: c),
    ("one category floods the arrivals", flooded, lambda c: c),
    ("all vectors equal", equal, lambda c: c),
    ("old contents again as new", doubled, lambda c: c),
    ("stale codebook (farthest contents arrive)", other_half, lambda c: c),
    ("codebook rows of level 1 permuted", same, shuffled),
    ("level 2 collapsed", same, collapsed),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("warehouse")
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    flags = parser.parse_args()
    world = build(flags.warehouse, flags.seed)
    arriving = len(arrivals_of(world, 1))
    print(
        f"{Path(flags.warehouse).name}: {int(world.known.sum()):,} contents published, {arriving} arrive each night\n"
    )
    print("| drift | verdict | night | by | values there |\n|---|---|---|---|---|")
    for name, change, damage in CASES:
        print(
            f"| {name} | " + " | ".join(outcome(world, damage(world.codebook), change, flags.nights)) + " |", flush=True
        )


def outcome(world: World, codebook: Codebook, change: Change, count: int) -> tuple[str, str, str, str]:
    """Return the worst verdict, its first night, the metrics that gave it, and their values."""
    worst: tuple[str, int, list[Check]] = ("pass", 0, [])
    for night, checks in nights(world, codebook, change, count):
        verdict = decide(checks).status
        if ("pass", "warn", "block").index(verdict) > ("pass", "warn", "block").index(worst[0]):
            worst = (verdict, night, [c for c in checks if (c.blocks if verdict == "block" else c.status == "warn")])
    named = {f"{c.metric}" + (f" {c.level}" if c.level else ""): c.value for c in worst[2]}
    values = ", ".join("none" if value is None else f"{value:.3g}" for value in named.values())
    return worst[0], str(worst[1] or "-"), ", ".join(named) or "-", values or "-"


if __name__ == "__main__":
    main()
