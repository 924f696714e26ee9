"""What the codes mean: class-based TF-IDF of every prefix against its siblings.

Grootendorst 2022, BERTopic (https://arxiv.org/abs/2203.05794), eq. 2: W(t, c) = tf(t, c) log(1 + A / f(t)). The
classes here are the children of one parent, not all prefixes of a level: against those, every child would repeat the
words of its parent. tf is the term's share of its class's terms, f(t) its count in all siblings, A the mean number of
terms per sibling; a class too small to be labelled still counts as a sibling.
"""

from __future__ import annotations

from collections.abc import Collection

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from semid.frames.terms import terms_of

SUPPORT = 2
"""Items of a prefix that a term needs: a word of one item names the item, not the code."""


def to_members(ids: DataFrame, catalog: DataFrame, stop: Collection[str]) -> DataFrame:
    """Return what labelling needs of every item: (item_id, content_hash, prefixes, category, terms).

    Args:
        ids: Open rows of semantic_id of one codebook version.
        catalog: item_catalog.
        stop: Words that are no terms.
    """
    texts = catalog.select("item_id", "category", terms_of(stop).alias("terms"))
    members = ids.select("item_id", "content_hash", "prefixes").join(texts, "item_id")
    return members.select("item_id", "content_hash", "prefixes", "category", "terms")


def to_sizes(members: DataFrame) -> DataFrame:
    """Return (prefix, level, parent, item_count) of every prefix; the parent of a first code is ''."""
    counted = members.groupBy("prefixes").agg(F.count("*").alias("n")).select("n", F.inline(nodes()))
    sizes = counted.groupBy("prefix", "level", "parent").agg(F.sum("n").alias("item_count"))
    return sizes.select("prefix", "level", "parent", "item_count")


def nodes() -> Column:
    """Return a row's path down the tree: an array of structs (level, prefix, parent)."""
    return F.transform(
        "prefixes",
        lambda prefix, i: F.struct(
            (i + 1).cast("int").alias("level"),
            prefix.alias("prefix"),
            F.when(i > 0, F.get("prefixes", i - 1)).otherwise("").alias("parent"),
        ),
    )


def to_scores(members: DataFrame) -> DataFrame:
    """Return (prefix, term, items, score): items of the prefix with the term, and its c-TF-IDF among the siblings."""
    by_bucket = members.select("prefixes", F.explode("terms").alias("term")).groupBy("prefixes", "term")
    deepest = by_bucket.agg(F.count("*").alias("n")).select("term", "n", F.inline(nodes()))
    counts = deepest.groupBy("parent", "prefix", "term").agg(F.sum("n").alias("items"))
    means = counts.groupBy("parent").agg((F.sum("items") / F.countDistinct("prefix")).alias("mean_terms"))
    share = F.col("items") / F.sum("items").over(Window.partitionBy("prefix"))
    among_siblings = F.sum("items").over(Window.partitionBy("parent", "term"))
    placed = counts.select("*", share.alias("share"), among_siblings.alias("among_siblings")).join(means, "parent")
    score = F.col("share") * F.log1p(F.col("mean_terms") / F.col("among_siblings"))
    return placed.select("prefix", "term", "items", score.alias("score"))


def to_top_terms(scores: DataFrame, most: int) -> DataFrame:
    """Return (prefix, terms): up to `most` structs (term, score, items), highest score first, ties by term."""
    best = Window.partitionBy("prefix").orderBy(F.desc("score"), "term")
    ranked = scores.where(F.col("items") >= SUPPORT).withColumn("rank", F.row_number().over(best))
    top = ranked.where(F.col("rank") <= most).groupBy("prefix")
    listed = top.agg(F.sort_array(F.collect_list(F.struct("rank", "term", "score", "items"))).alias("ranked"))
    bare = F.transform("ranked", lambda t: F.struct(*[t[name].alias(name) for name in ("term", "score", "items")]))
    return listed.select("prefix", bare.alias("terms"))
