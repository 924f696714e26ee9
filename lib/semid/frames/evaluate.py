"""`semid evaluate`: from the tables, or a file of codes, to the list of measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.config import SemidConfig
from semid.errors import ConfigError, InputRefused
from semid.frames import evaluated
from semid.frames.flag_files import read_file
from semid.frames.foreign_codes import read_pairs, read_traffic, to_foreign_codes
from semid.measure import evaluation, popularity
from semid.measure.evaluation import Measure
from semid.quantize.base import Codebook
from semid.tables import registry, releases
from semid.tables.intervals import only_open
from semid.tables.store import Store
from semid.text.model import fingerprint_of


@dataclass(frozen=True)
class Request:
    """What to evaluate.

    Attributes:
        version: Codebook version; None for the active one.
        source: Which table of a file with several.
        levels: First so many codes only; None for all.
        sample: Most contents that the driver looks at.
        files: Paths by flag: codes (None for our IDs), pairs, traffic.
    """

    version: int | None
    source: str | None
    levels: int | None
    sample: int
    files: Mapping[str, str | None]


@dataclass(frozen=True)
class Found:
    """What came out: measures, how they were made, and the number of items with codes."""

    measures: tuple[Measure, ...]
    params: Mapping[str, Any]
    items: int


@dataclass(frozen=True)
class _Subject:
    """The codes to judge: (item_id, codes[, content_hash]), and the codebook they are from, if it is ours."""

    ids: DataFrame
    version: int | None
    model: str
    sizes: tuple[int, ...]
    codebook: Codebook | None
    recorded: Mapping[str, Any]


def evaluate(store: Store, config: SemidConfig, request: Request) -> Found:
    """Return the measures of the codes that `request` names.

    Raises:
        ConfigError: There is no such version, nothing is published, or a flag is out of range.
        InputRefused: A file is no table of IDs, pairs or interactions, or knows no item of the catalog.
    """
    if request.sample < 2 or (request.levels is not None and request.levels < 1):
        raise ConfigError("--sample is at least 2, --levels at least 1", where="semid evaluate")
    subject = _subject(store, config, request)
    spark, catalog = store.spark, store.read("item_catalog")
    traffic = request.files.get("traffic")
    visited = None if traffic is None else read_traffic(read_file(spark, traffic))
    items = evaluated.to_items(subject.ids, catalog, visited).persist()
    contents = evaluated.to_contents(items).persist()
    try:
        uncoded, unlisted = evaluated.coverage(subject.ids, catalog)
        buckets, held = evaluated.bucket_sizes(items)
        if buckets.items == 0:
            raise InputRefused(
                "no item with codes is in the catalog", where=request.files.get("codes") or "semantic_id"
            )
        counts = evaluated.level_counts(contents, subject.sizes)
        measures = [
            Measure("items_without_codes", uncoded),
            Measure("codes_without_item", unlisted),
            *evaluation.bucket_measures(buckets, evaluated.bucket_sizes(contents)[0]),
            *evaluation.slice_measures(buckets.size, held if traffic else {}),
            *evaluation.level_measures(counts),
            *_of_sample(store, subject, contents, request, config.codebook.seed),
            *_of_pairs(store, items, request, len(counts)),
        ]
    finally:
        contents.unpersist()
        items.unpersist()
    return Found(tuple(measures), _params(subject, request, [len(use) for use in counts]), buckets.items)


def _subject(store: Store, config: SemidConfig, request: Request) -> _Subject:
    current = releases.load(store).current
    active = None if current is None else current.codebook_version
    file = request.files.get("codes")
    if file is None:
        return _own(store, active if request.version is None else request.version, request.levels)
    ids = to_foreign_codes(read_file(store.spark, file), request.source, request.levels)
    model = fingerprint_of(config) if active is None else _card(store, active).model
    return _Subject(ids, None, model, (), None, {})


def _own(store: Store, version: int | None, levels: int | None) -> _Subject:
    if version is None:
        raise ConfigError(
            "nothing is published yet", where="semid evaluate", next_step="semid nightly, or --codes FILE"
        )
    card = _card(store, version)
    depth = min(levels or len(card.codebook_sizes), len(card.codebook_sizes))
    whole = depth == len(card.codebook_sizes)
    rows = only_open(store.read("semantic_id"), [version])
    ids = rows.select("item_id", F.slice("codes", 1, depth).alias("codes"), "content_hash")
    codebook = registry.load(store, version).codebook if whole else None
    recorded = card.json_of("metrics") if whole else {}
    return _Subject(ids, version, card.model, card.codebook_sizes[:depth], codebook, recorded)


def _card(store: Store, version: int) -> registry.Card:
    known = {card.codebook_version: card for card in registry.cards(store)}
    if version not in known:
        problems = [f"versions: {', '.join(map(str, sorted(known))) or 'none'}"]
        raise ConfigError(f"there is no codebook {version}", where="--version", problems=problems)
    return known[version]


def _of_sample(store: Store, subject: _Subject, contents: DataFrame, request: Request, seed: int) -> Iterator[Measure]:
    vectors = store.read("item_embedding").where(F.col("model") == subject.model)
    sample = evaluated.collect_sample(contents, vectors, request.sample, str(seed))
    yield Measure("sampled_texts", len(sample.x))
    if not len(sample.x):
        return
    rng = np.random.default_rng(seed)
    if subject.codebook is None:
        yield Measure("relative_error", None)
    else:
        yield from evaluation.error_measures(sample, subject.codebook, rng)
    if (held_out := subject.recorded.get("relative_error_heldout")) is not None:
        yield Measure("relative_error_heldout_in_training", held_out)
    yield from chain(evaluation.neighbour_measures(sample, rng), evaluation.category_measures(sample, rng))


def _of_pairs(store: Store, items: DataFrame, request: Request, levels: int) -> Iterator[Measure]:
    file = request.files.get("pairs")
    if file is not None:
        pairs = read_pairs(read_file(store.spark, file))
        yield from evaluation.pair_measures(evaluated.pair_counts(items, pairs, levels))


def _params(subject: _Subject, request: Request, sizes: list[int]) -> dict[str, Any]:
    slices = {"head": f"first {popularity.HEAD:.0%} of the interactions", "mid": f"up to {popularity.MID:.0%}"}
    return {
        "codebook_version": subject.version,
        "model": subject.model,
        "sizes": sizes,
        "levels_of": "texts, each with the codes of its first item",
        "files": {name: path for name, path in request.files.items() if path is not None},
        "source": request.source,
        "sample": request.sample,
        "neighbours": {"k": evaluation.K, "asked": evaluation.ASKED, "among": "the sample"},
        "slices": slices if request.files.get("traffic") else None,
    }
