"""The training sample: the same contents whatever the order and partitioning of the table."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.frames.vectors import to_codes, to_matrix
from semid.quantize.base import Codes, Floats


@dataclass(frozen=True, eq=False)
class Sample:
    """Sampled contents, sorted by content hash.

    Attributes:
        x: Vectors (n, d).
        codes: Codes (n, levels) that they have now; -1 where they have none.
    """

    x: Floats
    codes: Codes


def only_sample(embeddings: DataFrame, rows: int, salt: str) -> DataFrame:
    """Return at most `rows` contents, chosen by a hash of content and salt.

    `DataFrame.sample` with a seed gives other rows after a repartition; the smallest hashes do not.
    """
    order = F.xxhash64("content_hash", F.lit(salt))
    return embeddings.orderBy(order, "content_hash").limit(rows).select("content_hash", "embedding")


def collect_sample(sample: DataFrame) -> Floats:
    """Return the sample's vectors (n, d), sorted by content hash. The sample is bounded; nothing else is collected."""
    table = sample.toArrow().sort_by("content_hash")
    return to_matrix(table.column("embedding").combine_chunks())


def collect_coded_sample(sample: DataFrame, given: DataFrame, levels: int) -> Sample:
    """Return the sample with the codes that its contents have.

    Args:
        sample: (content_hash, embedding).
        given: (content_hash, codes) of the active codebook.
        levels: Its number of levels.
    """
    both = sample.join(given.select("content_hash", "codes"), "content_hash", "left")
    table = both.toArrow().sort_by("content_hash")
    x = to_matrix(table.column("embedding").combine_chunks())
    return Sample(x, to_codes(table.column("codes").combine_chunks(), levels))


def collect_pairs(sample: DataFrame, others: DataFrame, rows: int) -> tuple[Floats, Floats]:
    """Return the vectors of the sample's contents under two models, (n, d) and (n, d2), for at most `rows` contents.

    Args:
        sample: (content_hash, embedding) of one model.
        others: (content_hash, embedding) of the other.
        rows: Most pairs.
    """
    both = sample.join(others.select("content_hash", F.col("embedding").alias("other")), "content_hash")
    table = both.orderBy(F.xxhash64("content_hash"), "content_hash").limit(rows).toArrow()
    return tuple(to_matrix(table.column(name).combine_chunks()) for name in ("embedding", "other"))  # type: ignore[return-value]
