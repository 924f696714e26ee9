"""How good a table of codes is, as named numbers: the rows of `eval_report` with task `codes`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semid.measure import drift, interval
from semid.measure.agreement import category_agreement
from semid.measure.buckets import BucketSizes
from semid.measure.codes import shared_neighbours
from semid.measure.popularity import SLICES
from semid.quantize.base import Codebook, Codes, Floats, quantization_error

K = 10
"""Neighbours per content."""
ASKED = 5_000
"""Most contents whose neighbours are looked for, each among the whole sample."""
NAMES = 3
"""Most names of a category path to compare with."""


@dataclass(frozen=True)
class Measure:
    """A number about codes.

    Attributes:
        metric: Its name; `_l2` is level 2, `_d2` the first 2 codes, `_c1` the first name of the category path.
        value: The number; None when it cannot be known.
        low: Lower end of its 95 % interval; None when the number is exact.
        high: Upper end.
        slice: Which items: all, head, mid or tail.
    """

    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    slice: str = "all"


@dataclass(frozen=True, eq=False)
class EvaluationSample:
    """Distinct contents with vectors and codes, in the order of a hash.

    Attributes:
        x: Vectors (n, d).
        codes: Codes (n, levels).
        paths: Category path of each; None or empty where there is none.
        slices: head, mid or tail (n,); all empty without interactions.
        complete: Whether these are all contents.
    """

    x: Floats
    codes: Codes
    paths: Sequence[Sequence[str] | None]
    slices: NDArray[np.str_]
    complete: bool


@dataclass(frozen=True, eq=False)
class PairCounts:
    """Known same-product pairs by depth, and what the same items would share if paired at random.

    Attributes:
        pairs: Pairs of two items with codes.
        shared: Pairs (levels,) whose first 1, 2, ... codes are equal.
        across: Left-right combinations (levels,) of all pairs' items whose first codes are equal, true pairs included.
    """

    pairs: int
    shared: NDArray[np.int64]
    across: NDArray[np.int64]


def bucket_measures(items: BucketSizes, texts: BucketSizes) -> Iterator[Measure]:
    """Yield how items and distinct texts share IDs; exact.

    Args:
        items: Buckets counted in items.
        texts: Buckets counted in distinct texts, each with the codes of its first item.
    """
    for name, buckets in (("items", items), ("texts", texts)):
        yield Measure(name, buckets.items)
        yield Measure(f"distinct_ids_{name}", buckets.distinct)
        yield Measure(f"collision_{name}", buckets.collision_rate)
        yield Measure(f"singleton_{name}", buckets.singleton_share)
        yield Measure(f"largest_bucket_{name}", buckets.largest)
        yield Measure(f"gini_buckets_{name}", buckets.gini)


def slice_measures(size: NDArray[np.int64], held: Mapping[str, NDArray[np.int64]]) -> Iterator[Measure]:
    """Yield how the items of each slice share IDs with any items; exact.

    Args:
        size: Bucket sizes (m,) in items.
        held: By slice, how many of its items (m,) are in buckets of that size.
    """
    for name, items in held.items():
        if total := int(items.sum()):
            yield Measure("items", total, slice=name)
            yield Measure("singleton_items", float(items[size == 1].sum() / total), slice=name)
            yield Measure("mean_bucket_items", float(size @ items / total), slice=name)


def level_measures(counts: Sequence[NDArray[np.int64]]) -> Iterator[Measure]:
    """Yield how the codes of each level are used; `counts` are texts per code, (size,) per level; exact."""
    for level, used in enumerate(counts, 1):
        there = drift.used_codes(used)
        yield Measure(f"used_codes_l{level}", there)
        yield Measure(f"dead_codes_l{level}", len(used) - there)
        yield Measure(f"perplexity_l{level}", drift.perplexity(used))
        yield Measure(f"gini_l{level}", drift.gini(used))


def error_measures(sample: EvaluationSample, codebook: Codebook, rng: np.random.Generator) -> Iterator[Measure]:
    """Yield the squared error of the sample's reconstructions over the variance of its vectors, in all and by slice."""
    errors = quantization_error(sample.x, codebook.decode(sample.codes)).astype(np.float64)
    variance = float(sample.x.var(axis=0, dtype=np.float64).sum())
    if variance > 0:
        yield from _means(["relative_error"], errors[:, None] / variance, sample, np.arange(len(errors)), rng)


def neighbour_measures(sample: EvaluationSample, rng: np.random.Generator) -> Iterator[Measure]:
    """Yield the share of a content's 10 nearest in the sample that have its first codes, in all and by slice."""
    if len(sample.x) > K:
        asked = np.arange(min(len(sample.x), ASKED))
        shares = shared_neighbours(sample.x, sample.codes, K, asked) / K
        names = [f"neighbours_d{depth}" for depth in range(1, shares.shape[1] + 1)]
        yield from _means(names, shares, sample, asked, rng)


def category_measures(sample: EvaluationSample, rng: np.random.Generator) -> Iterator[Measure]:
    """Yield agreement with the category tree per depth and number of names, beside that of shuffled categories."""
    for found in category_agreement(sample.codes, sample.paths, NAMES, rng):
        at = f"c{found.names}_d{found.depth}"
        yield Measure(f"nmi_{at}", found.nmi)
        yield Measure(f"nmi_shuffled_{at}", found.nmi_shuffled)
        yield Measure(f"purity_{at}", found.purity)
        yield Measure(f"purity_shuffled_{at}", found.purity_shuffled)


def pair_measures(counts: PairCounts) -> Iterator[Measure]:
    """Yield the share of known pairs with equal first codes, and that of all other left-right combinations."""
    yield Measure("pairs", counts.pairs)
    if not counts.pairs:
        return
    others = counts.pairs * (counts.pairs - 1)
    for depth, (shared, across) in enumerate(zip(counts.shared.tolist(), counts.across.tolist(), strict=True), 1):
        yield Measure(f"pairs_agree_d{depth}", shared / counts.pairs, *interval.of_share(shared, counts.pairs))
        if others:
            yield Measure(f"pairs_agree_random_d{depth}", (across - shared) / others)


def _means(
    names: Sequence[str],
    values: NDArray[np.floating],
    sample: EvaluationSample,
    rows: NDArray[np.intp],
    rng: np.random.Generator,
) -> Iterator[Measure]:
    exact = sample.complete and len(rows) == len(sample.x)
    chosen = {"all": np.ones(len(rows), np.bool_)} | {part: sample.slices[rows] == part for part in SLICES}
    for part, here in chosen.items():
        if not here.any():
            continue
        ends = [(None, None)] * len(names) if exact else interval.of_means(values[here], rng)
        for name, mean, (low, high) in zip(names, values[here].mean(axis=0), ends, strict=True):
            yield Measure(name, float(mean), low, high, part)
