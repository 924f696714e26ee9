"""Where a codebook is fitted: on the driver, or across the cluster when the sample is larger than the driver takes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.config import CodebookConfig
from semid.errors import ConfigError
from semid.frames.fit import SparkRkmeansQuantizer
from semid.frames.fit_ranks import SparkRqvaeQuantizer
from semid.frames.vectors import to_matrix
from semid.measure.fit import HELD_OUT, recipe_of
from semid.quantize.base import Quantizer
from semid.quantize.holdout import hashed_out
from semid.quantize.rkmeans import RkmeansQuantizer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClusterFit:
    """A fit across the cluster: the quantizer, and the number of contents in its sample."""

    quantizer: Quantizer
    rows: int


def cluster_fit(contents: DataFrame, settings: CodebookConfig, folder: str) -> ClusterFit | None:
    """Return how a codebook is fitted across the cluster, or None where the driver fits it.

    Args:
        contents: (content_hash, embedding), one row per content.
        settings: `sample_rows` above `driver_rows` asks for a fit across the cluster, if there are so many contents.
        folder: Where it may keep files meanwhile.

    Raises:
        ConfigError: The kind has no such fit, or cannot be fitted so with these parameters or pairs.
    """
    if settings.sample_rows <= settings.driver_rows:
        return None
    total = contents.count()
    rows = min(total, settings.sample_rows)
    if rows <= settings.driver_rows:
        return None
    vectors = only_training(only_share(contents, rows / total, str(settings.seed)), "measure", HELD_OUT)
    log.info("    fit across the cluster: %d of %d contents", rows, total)
    try:
        return ClusterFit(_quantizer(vectors, rows, settings, folder), rows)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{rows:,} contents cannot be fitted across the cluster: {error}",
            where="codebook.sample_rows, codebook.driver_rows",
            next_step=f"--set codebook.sample_rows={settings.driver_rows} fits a sample on the driver",
        ) from error


def _quantizer(vectors: DataFrame, rows: int, settings: CodebookConfig, folder: str) -> Quantizer:
    if settings.pairs is not None:
        raise ValueError("pairs train in one process only")
    recipe = recipe_of(settings)
    if isinstance(recipe, RkmeansQuantizer):
        return SparkRkmeansQuantizer(vectors, rows, recipe.sizes, recipe.params, recipe.progress)
    if settings.kind == "rqvae":
        params = recipe.params  # type: ignore[attr-defined]  # naming the class would load torch
        return SparkRqvaeQuantizer(only_training(vectors, "rqvae", params.held_out), recipe.sizes, folder, params)  # type: ignore[attr-defined]
    raise ValueError(f"kind {settings.kind} has no such fit, only rqvae and rkmeans have")


def only_share(contents: DataFrame, share: float, salt: str) -> DataFrame:
    """Return about this share of the contents, chosen by a hash of content and salt; `only_sample` chooses among them.

    One pass without a sort: `only_sample` would bring a large sample into one partition.
    """
    threshold = round((share - 0.5) * 2.0**64)
    chosen = contents if share >= 1 else contents.where(F.xxhash64("content_hash", F.lit(salt)) <= F.lit(threshold))
    return chosen.select("content_hash", "embedding")


def only_training(vectors: DataFrame, salt: str, share: float) -> DataFrame:
    """Return the (content_hash, embedding) that `holdout.held_out` leaves to training."""

    def training(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                yield batch.filter(pa.array(~hashed_out(to_matrix(batch.column("embedding")), share, salt)))

    return vectors.select("content_hash", "embedding").mapInArrow(
        training, vectors.select("content_hash", "embedding").schema
    )
