"""An RQ-VAE trained by two processes that `TorchDistributor` starts: half a minute, most of it loading torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from semid.frames.fit_choice import only_training
from semid.frames.fit_ranks import SparkRqvaeQuantizer
from semid.quantize.base import quantization_error
from semid.quantize.codebook import to_bytes
from semid.quantize.rqvae_params import RqvaeParams
from semid.quantize.rqvae_train import RqvaeQuantizer

pytestmark = pytest.mark.faults

PARAMS = RqvaeParams(latent=8, hidden=(32,), epochs=8, patience=8, batch_rows=256, threads=1)


def test_processes_learn_what_one_does(spark: SparkSession, tmp_path: Path) -> None:
    """The same bytes from two partitionings of the vectors, an error within 5 % of one process's, and no file left."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((12, 16))[rng.integers(12, size=3_000)] + 0.3 * rng.standard_normal((3_000, 16))
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    rows = [(f"{number:05}", row.tolist()) for number, row in enumerate(x)]
    vectors = spark.createDataFrame(rows, "content_hash string, embedding array<float>").localCheckpoint()
    folder, books = tmp_path / "_fit", []
    for frame in (vectors.coalesce(1), vectors.repartition(3)):
        quantizer = SparkRqvaeQuantizer(only_training(frame, "rqvae", PARAMS.held_out), (8, 8), str(folder), PARAMS)
        assert quantizer.processes == 2
        books.append(quantizer.fit(x, np.random.default_rng(0)))
    assert to_bytes(books[0]) == to_bytes(books[1])
    books.append(RqvaeQuantizer((8, 8), PARAMS).fit(x, np.random.default_rng(0)))
    errors = [float(quantization_error(x, book.decode(book.encode(x))).mean()) for book in books]
    assert errors[0] == pytest.approx(errors[2], rel=0.05)
    assert not folder.exists()
