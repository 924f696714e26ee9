"""The rows of `code_label`: size, label, terms, exemplars and purity of every prefix with enough items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from semid.config import LabelsConfig
from semid.frames.exemplars import to_exemplars
from semid.frames.labels import to_scores, to_sizes, to_top_terms
from semid.frames.purity import to_purity
from semid.text.label import LONGER, Term, label_of, whole_phrases

_NAMED = "label string, longer string, terms array<struct<term:string,score:double>>"
_CANDIDATES = 3
"""Candidates per term that is kept: a term of three words comes with its five parts, most of which go."""


def to_code_labels(members: DataFrame, vectors: DataFrame, config: LabelsConfig) -> DataFrame:
    """Return (prefix, level, label, terms, exemplars, item_count, purity) of every prefix with `min_items` items.

    Args:
        members: From `to_members`; read four times, so better persisted.
        vectors: (content_hash, embedding) of the codebook's model.
        config: How codes are named.
    """
    sizes = to_sizes(members).where(F.col("item_count") >= config.min_items)
    scores = to_scores(members).join(sizes.select("prefix"), "prefix")
    name = F.udf(lambda terms: _named(terms, config.terms), _NAMED, useArrow=True)
    parts = [
        to_top_terms(scores, _CANDIDATES * config.terms).select("prefix", name("terms").alias("named")),
        to_exemplars(members, vectors, sizes, config.exemplars),
        to_purity(members),
    ]
    rows = sizes
    for part in parts:
        rows = rows.join(part, "prefix", "left")
    terms = F.coalesce("named.terms", F.array().cast("array<struct<term:string,score:double>>")).alias("terms")
    exemplars = F.coalesce("exemplars", F.array().cast("array<string>")).alias("exemplars")
    return rows.select("prefix", "level", _label().alias("label"), terms, exemplars, "item_count", "purity")


def _label() -> Column:
    """Return the label; the longer one where a sibling has the same, as two of Beauty's first codes had."""
    alike = F.count("named.label").over(Window.partitionBy("parent", "named.label"))
    return F.when(alike > 1, F.col("named.longer")).otherwise(F.col("named.label"))


def _named(candidates: Sequence[Any], most: int) -> tuple[str | None, str | None, list[tuple[str, float]]]:
    phrases = whole_phrases([Term(c["term"], c["score"], c["items"]) for c in candidates])
    kept = [(phrase.term, phrase.score) for phrase in phrases[:most]]
    return label_of(phrases), label_of(phrases, LONGER, common=0.0), kept
