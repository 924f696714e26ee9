"""The table `code_label`, and the answers of a labeller that it was made with."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.errors import ConfigError
from semid.tables import releases
from semid.tables.sql_text import equals
from semid.tables.store import Store


def version_to_label(store: Store, asked: int | None) -> int:
    """Return the codebook version whose codes are to be named; the active one unless another is asked for.

    Raises:
        ConfigError: Nothing is published yet, or the version never was.
    """
    history = releases.load(store)
    known = sorted({version for release in history.published for version in release.serving_versions})
    if history.current is None or history.current.codebook_version is None:
        raise ConfigError("nothing is published yet, so no code has items", next_step="semid nightly --catalog PATH")
    if asked is not None and asked not in known:
        raise ConfigError(
            f"no item ever had an ID under codebook version {asked}",
            where="--version",
            problems=[f"versions with IDs: {', '.join(map(str, known))}"],
            next_step="semid status shows the codebooks",
        )
    return history.current.codebook_version if asked is None else asked


def replace_labels(store: Store, rows: DataFrame, version: int) -> int:
    """Make `rows` the labels of codebook `version`, in one commit, and return how many there are."""
    written = rows.withColumn("codebook_version", F.lit(version).cast("int"))
    store.replace_where(written, "code_label", equals({"codebook_version": version}))
    return store.read("code_label").where(F.col("codebook_version") == version).count()


def answers_of(store: Store, labeller: str) -> DataFrame:
    """Return (question, label): what a labeller has answered so far; of two answers the first by text."""
    rows = store.read("code_label_answer").where(F.col("labeller") == labeller)
    return rows.groupBy("question").agg(F.min("label").alias("label"))
