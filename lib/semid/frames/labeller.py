"""Names from a labeller outside of semid: asked once per question, its answers kept in `code_label_answer`."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from semid.text.label import load_labeller

_LETTERS = 300
"""Letters of an exemplar's text that a labeller gets."""


def with_samples(rows: DataFrame, catalog: DataFrame) -> DataFrame:
    """Return (prefix, question, names, samples): what a labeller is told of each prefix.

    Args:
        rows: From `to_named_prefixes`.
        catalog: item_catalog.

    Returns:
        names: The terms, highest score first; samples: the beginnings of the exemplars' texts, nearest first;
        question: sha256 over both.
    """
    shown = rows.select("prefix", F.posexplode("exemplars").alias("rank", "item_id"))
    texts = shown.join(catalog.select("item_id", F.substring("text", 1, _LETTERS).alias("text")), "item_id")
    listed = texts.groupBy("prefix").agg(F.sort_array(F.collect_list(F.struct("rank", "text"))).alias("ranked"))
    samples = F.coalesce(F.col("ranked.text"), F.array().cast("array<string>")).alias("samples")
    told = rows.join(listed, "prefix", "left").select("prefix", F.col("terms.term").alias("names"), samples)
    return told.select("prefix", _question().alias("question"), "names", "samples")


def to_answers(asked: DataFrame, labeller: str, run_id: str) -> DataFrame:
    """Return the rows of `code_label_answer` for (question, names, samples); each partition makes one labeller.

    Args:
        asked: Questions without an answer.
        labeller: package.module:factory.
        run_id: The run that asks.
    """
    load_labeller(labeller)  # a wrong name is refused here, not in a task

    def answer(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        ask = load_labeller(labeller)
        for batch in batches:
            labels = [ask(row["names"], row["samples"]) for row in batch.to_pylist()]
            columns = {"question": batch.column("question"), "label": pa.array(labels, pa.string())}
            yield pa.RecordBatch.from_pydict(columns)

    questions = asked.select("question", "names", "samples").dropDuplicates(["question"])
    answers = questions.mapInArrow(answer, "question string, label string")
    return answers.select(F.lit(labeller).alias("labeller"), "question", "label", F.lit(run_id).alias("run_id"))


def with_answers(rows: DataFrame, told: DataFrame, answers: DataFrame) -> DataFrame:
    """Return the rows with the labeller's name where it gave one."""
    given = told.select("prefix", "question").join(answers.select("question", "label"), "question")
    named = given.select("prefix", F.nullif(F.trim("label"), F.lit("")).alias("answer"))
    label = F.coalesce("answer", "label").alias("label")
    kept = ("terms", "exemplars", "item_count", "purity")
    return rows.join(named, "prefix", "left").select("prefix", "level", label, *kept)


def _question() -> Column:
    return F.sha2(F.to_json(F.struct("names", "samples")), 256)
