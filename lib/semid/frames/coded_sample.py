"""A sample of the contents with vectors and codes, small enough to be looked at in one place."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from semid.frames.vectors import to_codes, to_matrix
from semid.measure.neighbours import SAMPLE, CodedSample


def collect_table_sample(
    current: DataFrame, staged: DataFrame, embeddings: DataFrame, levels: int, contents: tuple[int, int]
) -> CodedSample:
    """Return about `SAMPLE` contents of the table as published and staged, and as many of tonight's arrivals.

    Args:
        current: Open rows of one codebook version.
        staged: Its staged rows.
        embeddings: item_embedding of its model.
        levels: Its number of levels.
        contents: How many distinct contents the table and the arrivals have, about.
    """
    of_table, of_arrivals = _in_sample(contents[0]), _in_sample(contents[1]) if contents[1] else F.lit(False)
    both = ["content_hash", "codes"]
    rows = current.where(of_table).select(*both, F.lit(False).alias("new"))
    rows = rows.unionByName(staged.where(of_table | of_arrivals).select(*both, F.lit(True).alias("new")))
    rows = rows.groupBy(*both).agg(F.bool_or("new").alias("arrived"), (~F.bool_and("new")).alias("published"))
    vectors = embeddings.where(of_table | of_arrivals).select("content_hash", "embedding")
    flags = "arrived", "published", of_table.alias("among")
    found = rows.join(vectors, "content_hash").select(*both, "embedding", *flags).toArrow()
    return _sample(found.sort_by("content_hash").combine_chunks(), levels)


def _in_sample(contents: int) -> Column:
    # A share, not one in n: neighbours must be as near as they were among the training's SAMPLE contents. And a range
    # of the hashes: a million contents' vectors are in 62 files, which are ranges too, and 61 of them are not read.
    if contents <= SAMPLE:
        return F.lit(True)
    return F.col("content_hash") < f"{math.ceil(2**32 * SAMPLE / contents):08x}"


def _sample(table: pa.Table, levels: int) -> CodedSample:
    x, codes = (table.column(name).combine_chunks() for name in ("embedding", "codes"))
    flags = (np.asarray(table.column(name), np.bool_) for name in ("arrived", "published", "among"))
    return CodedSample(to_matrix(x), to_codes(codes, levels), *flags)
