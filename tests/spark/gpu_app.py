"""Embed a few texts through the job's own UDF on a cluster, with and without GPUs; prints the outcomes as JSON.

Run by test_embed_gpu.py: python gpu_app.py MASTER MODEL
"""

from __future__ import annotations

import json
import os
import sys

from pyspark.sql import SparkSession

from semid.config import load_config
from semid.errors import EnvironmentFault
from semid.frames.embed import only_partitions, to_vectors
from semid.frames.faults import from_workers
from semid.text.model import ModelSpec, spec_of

GPU = {"spark.executor.resource.gpu.amount": "1", "spark.task.resource.gpu.amount": "1"}
COMMON = {
    "spark.executor.cores": "1",
    "spark.cores.max": "1",
    "spark.executor.memory": "512m",
    "spark.task.maxFailures": "1",
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}


def embed(master: str, spec: ModelSpec, properties: dict[str, str]) -> str:
    """Return what came of embedding two texts in a session with these properties."""
    builder = SparkSession.builder.master(master)
    for key, value in {**COMMON, **properties}.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    contents = spark.createDataFrame(
        [("h1", "i1", "red shoe"), ("h2", "i2", "blue hat")], "content_hash string, item_id string, text string"
    )
    vectors = to_vectors(only_partitions(contents, 1, 0, 1), spec, spark.sparkContext.accumulator(0))
    try:
        with from_workers():
            return f"{len(vectors.collect())} vectors"
    except EnvironmentFault as error:
        return error.what
    finally:
        spark.stop()


if __name__ == "__main__":
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    model = spec_of(load_config(overrides=[f"embedding.model={sys.argv[2]}"]).embedding)
    # Properties of the first session stay set in the JVM: the one without a GPU goes first.
    print(json.dumps([embed(sys.argv[1], model, properties) for properties in ({}, GPU)]))
