"""An RQ-VAE trained by several processes of the cluster, or of this machine, on vectors none of them holds whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pyspark.ml.torch.distributor import TorchDistributor
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semid.quantize.base import Codebook, Floats, check_enough, finite_vectors
from semid.quantize.codebook import from_bytes, to_bytes
from semid.quantize.holdout import held_out
from semid.quantize.rqvae import RqvaeCodebook
from semid.quantize.rqvae_params import RqvaeParams

SHARDS_PER_PROCESS = 4
ROWS_PER_PROCESS = 128
"""Fewer rows of a step cost more in averaging gradients than they save in computing them."""


@dataclass(frozen=True)
class SparkRqvaeQuantizer:
    """Trains an RQ-VAE on vectors of a cluster with `TorchDistributor`, started on a sample that one machine holds.

    Args:
        vectors: (content_hash, embedding) to train on; those that `held_out` holds out must be gone.
        sizes: Codes per level.
        folder: Where the shards lie meanwhile; every process must be able to read it.
        params: Hyper-parameters. Centroids that are moving averages (`codebooks: ema`) would differ between processes.
    """

    vectors: DataFrame
    sizes: tuple[int, ...]
    folder: str
    params: RqvaeParams = field(default_factory=RqvaeParams)

    def __post_init__(self) -> None:
        if self.params.codebooks != "gradient":
            raise ValueError(f"several processes train with codebooks: gradient, not {self.params.codebooks}")

    def fit(self, x: Floats, rng: np.random.Generator, warm_start: Codebook | None = None) -> RqvaeCodebook:
        """Return the codebook that reconstructs held-out rows of the sample `x` (n, d) best.

        Same vectors, sample, seed and number of processes: the same bytes, however the vectors are partitioned.

        Raises:
            ValueError: See `base.Quantizer.fit`; or there is a `warm_start`, which one process trains from.
        """
        from semid.quantize.rqvae_ranks import RankTask, train_rank
        from semid.quantize.rqvae_train import initial_codebook

        if warm_start is not None:
            raise ValueError("several processes train from the start only")
        x = finite_vectors(x)
        check_enough(x, self.sizes)
        out = held_out(x, self.params.held_out, "rqvae")
        start = to_bytes(initial_codebook(x[~out], self.sizes, self.params, rng))
        with shards(self.vectors, self.folder, SHARDS_PER_PROCESS * self.processes) as files:
            task = RankTask(files, start, x[out], self.params, int(rng.integers(2**31)))
            distributor = TorchDistributor(self.processes, local_mode=self._local, use_gpu=False)
            artifact = distributor.run(train_rank, task)
        assert artifact is not None, "every rank returns bytes"
        trained = from_bytes(artifact)
        assert isinstance(trained, RqvaeCodebook), "what was trained"
        return trained

    @property
    def processes(self) -> int:
        """How many processes train: one per core, as long as each has `ROWS_PER_PROCESS` of a step."""
        cores = self.vectors.sparkSession.sparkContext.defaultParallelism
        return max(1, min(cores, self.params.batch_rows // ROWS_PER_PROCESS))

    @property
    def _local(self) -> bool:
        return str(self.vectors.sparkSession.sparkContext.master).startswith("local")


@contextmanager
def shards(vectors: DataFrame, folder: str, count: int) -> Iterator[tuple[str, ...]]:
    """Write vectors into `count` Parquet files while the block runs; give their paths, in order.

    A row's file and place follow from its hash alone.
    """
    spark = vectors.sparkSession
    placed = vectors.repartitionById(count, F.pmod(F.xxhash64("content_hash"), F.lit(count)).cast("int"))
    placed.sortWithinPartitions("content_hash").select("embedding").write.mode("overwrite").parquet(folder)
    try:
        yield tuple(sorted(spark.read.parquet(folder).inputFiles()))
    finally:
        jvm: Any = spark._jvm
        path = jvm.org.apache.hadoop.fs.Path(folder)
        path.getFileSystem(spark._jsc.hadoopConfiguration()).delete(path, True)
