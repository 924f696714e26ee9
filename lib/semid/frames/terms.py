"""The terms of an item: words, and runs of neighbouring words, of its title, brand and category."""

from __future__ import annotations

from collections.abc import Collection

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

_LETTERS = 2000
"""Letters of a field that are read: a whole description behind the title would say less, not more."""

_LONGEST = 4
"""Words in a term: "eau de toilette", "joseph mallord william turner"."""

# Whatever is neither part of a word nor a blank ends a phrase, and so does a dash between blanks: "Lip Gloss, Red"
# has no term "gloss red".
_BREAK = r"[^\p{L}\p{M}\p{N}'’\-\s]+|(?<!\S)['’\-]+(?!\S)"
_WORD = r"[\p{L}\p{M}\p{N}]+(?:['’\-][\p{L}\p{M}\p{N}]+)*"


def stop_words(spark: SparkSession, language: str | None) -> tuple[str, ...]:
    """Return Spark ML's stop words of a language, none for None."""
    if language is None:
        return ()
    remover = spark._jvm.org.apache.spark.ml.feature.StopWordsRemover  # type: ignore[union-attr]
    return tuple(sorted(remover.loadDefaultStopWords(language)))


def terms_of(stop: Collection[str]) -> Column:
    """Return the distinct terms of a catalog row, sorted; those of its text when it has no title, brand or category.

    A term is a run of one to four words of a phrase, none of them a stop word; a word that counts has two or more
    characters and starts with a letter. An item counts once for a term, however often its title repeats it.

    Args:
        stop: Words in lower case that are no part of a term.
    """
    fields = F.concat(F.array("title", "brand"), F.coalesce("category", F.array().cast("array<string>")))
    own = _terms(F.array_compact(fields), stop)
    return F.when(F.size(own) > 0, own).otherwise(_terms(F.array("text"), stop))


def _terms(fields: Column, stop: Collection[str]) -> Column:
    phrases = F.flatten(F.transform(fields, _phrases))
    runs = F.flatten(F.transform(phrases, lambda phrase: _runs(_words(phrase, stop))))
    return F.array_sort(F.array_distinct(runs))


def _phrases(field: Column) -> Column:
    return F.split(F.regexp_replace(F.lower(F.substring(field, 1, _LETTERS)), _BREAK, "\n"), "\n")


def _words(phrase: Column, stop: Collection[str]) -> Column:
    """Return the words of a phrase, '' in the place of each that is no part of a term."""

    def counted(word: Column) -> Column:
        tells = (F.length(word) > 1) & word.rlike(r"^\p{L}")
        return F.when(tells & ~word.isin(*stop) if stop else tells, word).otherwise("")

    return F.transform(F.regexp_extract_all(phrase, F.lit(_WORD), F.lit(0)), counted)


def _runs(words: Column) -> Column:
    starts = F.transform(
        words,
        lambda _, i: F.transform(
            F.sequence(F.lit(1), F.least(F.lit(_LONGEST), F.size(words) - i)), lambda n: F.slice(words, i + 1, n)
        ),
    )
    whole = F.filter(F.flatten(starts), lambda run: ~F.array_contains(run, ""))
    return F.transform(whole, lambda run: F.array_join(run, " "))
