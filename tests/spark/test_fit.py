"""Fits across the cluster: the same bytes however the vectors are cut, and what one machine would have found."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from semid.config import CodebookConfig, load_config
from semid.errors import ConfigError
from semid.frames.fit import SparkRkmeansQuantizer, added, clusters_of, moved, to_clusters, unit_of
from semid.frames.fit_choice import cluster_fit, only_share, only_training
from semid.frames.sample import only_sample
from semid.measure.fit import fit
from semid.quantize.base import quantization_error
from semid.quantize.codebook import from_bytes, to_bytes
from semid.quantize.distance import nearest
from semid.quantize.holdout import held_out
from semid.quantize.kmeans import cluster_means, revive_empty
from semid.quantize.rkmeans import RkmeansQuantizer

ROWS, SIZES = 1_500, (8, 8)


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    """Unit vectors in twelve clusters."""
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((12, 16))
    x = centres[rng.integers(12, size=ROWS)] + 0.3 * rng.standard_normal((ROWS, 16))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def vectors(spark: SparkSession, x: np.ndarray) -> DataFrame:
    """The same as (content_hash, embedding), kept so that every pass reads them and not their source."""
    rows = [(f"{number:05}", row.tolist()) for number, row in enumerate(x)]
    return spark.createDataFrame(rows, "content_hash string, embedding array<float>").localCheckpoint()


def settings(**values: object) -> CodebookConfig:
    words = {"kind": "rkmeans", "sizes": list(SIZES), "driver_rows": 500, **values}
    return load_config(overrides=[f"codebook.{key}={json.dumps(value)}" for key, value in words.items()]).codebook


def test_partitions_do_not_change_a_byte(vectors: DataFrame, x: np.ndarray) -> None:
    """Whole numbers are added, so neither the number of partitions nor the order of rows rounds anything."""
    fits = [
        SparkRkmeansQuantizer(frame, ROWS, SIZES).fit(x[:500], np.random.default_rng(0))
        for frame in (vectors.coalesce(1), vectors.repartition(5, "embedding"))
    ]
    assert to_bytes(fits[0]) == to_bytes(fits[1])


def test_the_fit_is_that_of_one_machine(vectors: DataFrame, x: np.ndarray) -> None:
    """Started on all rows, it ends where the fit in one process does: its error within 1 %; and below a sample's."""
    alone, on_sample = (RkmeansQuantizer(SIZES).fit(rows, np.random.default_rng(0)) for rows in (x, x[:200]))
    across, from_sample = (
        SparkRkmeansQuantizer(vectors, ROWS, SIZES).fit(rows, np.random.default_rng(0)) for rows in (x, x[:200])
    )
    errors = [
        float(quantization_error(x, book.decode(book.encode(x))).mean())
        for book in (alone, across, on_sample, from_sample)
    ]
    assert errors[1] == pytest.approx(errors[0], rel=0.01)
    assert errors[3] < 0.98 * errors[2]


def test_a_pass_is_a_pass_of_lloyd(vectors: DataFrame, x: np.ndarray) -> None:
    """Sizes and means of the clusters are those of `kmeans`, a second implementation, to float32."""
    centroids = np.concatenate([x[:6], np.full((2, 16), 9, np.float32)])  # nothing is near the last two
    clusters = to_clusters(vectors, (centroids,), unit_of(ROWS))
    codes = nearest(x, centroids)
    assert [cluster.rows for cluster in clusters] == np.bincount(codes)[:6].tolist()
    means = cluster_means(x, codes, centroids)
    np.testing.assert_allclose(moved(centroids, clusters, unit_of(ROWS))[:6], means[:6], atol=1e-6)


def test_empty_clusters_go_to_the_farthest_rows_of_the_worst(x: np.ndarray) -> None:
    """As `kmeans.revive_empty` does it, but for the mean that errors are taken from: here it is the old centroid."""
    centroids = np.concatenate([x[:6], np.full((2, 16), 9, np.float32)])
    clusters = sorted(clusters_of(x, (centroids,), unit_of(ROWS)))
    codes = nearest(x, centroids)
    revived = revive_empty(x, codes, centroids)
    assert np.array_equal(moved(centroids, clusters, unit_of(ROWS))[6:], revived[6:])


def test_sums_are_the_same_in_any_order(x: np.ndarray) -> None:
    """`added` is commutative and associative, ties of the farthest row included."""
    doubled, centre = np.concatenate([x[:100], -x[:100]]), np.zeros((1, 16), np.float32)  # every error is there twice
    parts = [next(clusters_of(rows, (centre,), unit_of(ROWS))) for rows in np.array_split(doubled, 7)]
    one, other = None, None
    for part in parts:
        one = added(one, part)
    for part in reversed(parts):
        other = added(other, part)
    assert one is not None
    assert other is not None
    assert (one.rows, one.error, one.far_error) == (other.rows, other.error, other.far_error)
    assert np.array_equal(one.sums, other.sums)
    assert np.array_equal(one.far, other.far)


def test_rows_that_are_no_unit_vectors_are_refused() -> None:
    """Their sums could overflow without a sign of it."""
    with pytest.raises(ValueError, match="no unit vectors"):
        list(clusters_of(np.full((2, 4), 40, np.float32), (np.zeros((1, 4), np.float32),), unit_of(2)))


def test_the_size_chooses_where_to_fit(vectors: DataFrame) -> None:
    """Only a sample that is larger than the driver takes, of a catalog that has so many, is fitted across the cluster."""
    assert cluster_fit(vectors, settings(sample_rows=500), "") is None
    assert cluster_fit(vectors.limit(400), settings(sample_rows=9_000), "") is None
    found = cluster_fit(vectors, settings(sample_rows=9_000), "")
    assert found is not None
    assert found.rows == ROWS
    with pytest.raises(ConfigError, match="kind prq has no such fit"):
        cluster_fit(vectors, settings(sample_rows=9_000, kind="prq"), "")
    with pytest.raises(ConfigError, match="pairs train in one process"):
        cluster_fit(vectors, settings(sample_rows=9_000, pairs="pairs.parquet"), "")


def test_what_measures_never_trains(vectors: DataFrame, x: np.ndarray) -> None:
    """The cluster's rows leave out exactly the held-out ones of a fit on the driver, however they are cut."""
    found = only_training(vectors.repartition(5), "measure", 0.1).select("content_hash").collect()
    assert sorted(int(row[0]) for row in found) == np.flatnonzero(~held_out(x, 0.1, "measure")).tolist()


def test_a_fit_across_the_cluster_is_measured_like_another(vectors: DataFrame, x: np.ndarray) -> None:
    """The codebook's row says how it does on held-out contents of the sample."""
    asked = settings(sample_rows=ROWS)
    across = cluster_fit(vectors, asked, "")
    assert across is not None
    row, artifact = fit(x[:500], asked, across=across.quantizer)
    assert from_bytes(artifact).sizes == SIZES
    assert 0 < json.loads(row["metrics"])["relative_error_heldout"] < 1


def test_a_share_is_the_sample_of_its_size(vectors: DataFrame) -> None:
    """Without a sort the same contents are chosen as `only_sample` would sort out; about as many as asked for."""
    chosen = {row[0] for row in only_share(vectors.repartition(3), 0.4, "salt").collect()}
    sample = {row[0] for row in only_sample(vectors, len(chosen), "salt").collect()}
    assert chosen == sample
    assert len(chosen) == pytest.approx(0.4 * ROWS, abs=3 * (0.24 * ROWS) ** 0.5)
