"""A codebook that follows the active one, from the stored tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.config import CodebookConfig
from semid.frames.assign import only_contents_of, to_given_codes
from semid.frames.pairs import collect_pairs_of
from semid.frames.sample import collect_coded_sample, collect_pairs, only_sample
from semid.measure.adaptation import adaptations
from semid.measure.fit import Predecessor, fit
from semid.tables.intervals import only_open
from semid.tables.registry import StoredCodebook
from semid.tables.store import Store

PAIRS = 10_000
"""Most pairs an adapter is fitted to: 20,000 instead of 2,000 changed its result by 1 %."""


@dataclass(frozen=True)
class Succession:
    """What follows what.

    Attributes:
        parent: The active codebook.
        model: Fingerprint of the embedding model to train on; another one than the parent's makes a major version.
        settings: The codebook to train.
        cold: Do not start from the parent even where that is possible.
    """

    parent: StoredCodebook
    model: str
    settings: CodebookConfig
    cold: bool

    @property
    def warm(self) -> bool:
        """Whether training starts from the parent: it must be of the same kind, sizes and embedding model."""
        own = (self.parent.model, self.parent.codebook.kind, self.parent.codebook.sizes)
        return not self.cold and own == (self.model, self.settings.kind, self.settings.sizes)


@dataclass(frozen=True)
class Trained:
    """A trained codebook: columns of its row, its bytes, and how many contents it was trained on."""

    row: Mapping[str, Any]
    artifact: bytes
    contents: int


def train_successor(store: Store, asked: Succession) -> Trained:
    """Return a successor, trained on a hash sample that no codebook before it has seen as its sample.

    Its codes are renamed after the codes that the sampled contents have now. Under a new embedding model its
    metrics also say how well adapters carry the new vectors into the old model's space.

    Raises:
        ConfigError: See `measure.fit.fit`.
        InputRefused: See `pairs.collect_pairs_of`.
    """
    parent, settings = asked.parent, asked.settings
    active, embeddings = store.read("item_catalog").where("is_active"), store.read("item_embedding")
    contents = only_contents_of(embeddings, active, asked.model)
    sample = only_sample(contents, settings.collected_rows, f"{settings.seed} after {parent.version}")
    given = to_given_codes(only_open(store.read("semantic_id"), [parent.version]), parent.version)
    drawn = collect_coded_sample(sample, given, len(parent.codebook.sizes))
    start = parent.codebook if asked.warm else None
    before = Predecessor(start, parent.codebook.sizes, drawn.codes)
    row, artifact = fit(drawn.x, settings, before, collect_pairs_of(store.spark, settings, sample, active))
    row |= {"parent_version": parent.version if asked.warm else None}
    if asked.model != parent.model:
        report = _adapters(sample, embeddings.where(F.col("model") == parent.model), parent, settings.seed)
        metrics = json.loads(row["metrics"]) | {"adapters_into_old_model": report}
        row |= {"metrics": json.dumps(metrics, sort_keys=True)}
    return Trained(row, artifact, len(drawn.x))


def _adapters(sample: DataFrame, old_vectors: DataFrame, parent: StoredCodebook, seed: int) -> dict[str, Any]:
    new, old = collect_pairs(sample, old_vectors, PAIRS)
    tried = adaptations(new, old, parent.codebook, np.random.default_rng(seed))
    return {
        one.adapter.name: {
            "pairs": one.pairs,
            "cosine": one.cosine,
            "kept_first_code": one.kept_first,
            "kept_all_codes": one.kept_all,
        }
        for one in tried
    }
