"""The Spark session of a job: its own one locally, spark-submit's on a cluster."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from semid.config import SparkConfig, packaged
from semid.errors import ConfigError

# What every job relies on, also under spark-submit where the properties file is the operator's.
REQUIRED = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.hadoop.parquet.page.verify-checksum.enabled": "true",
    "spark.sql.legacy.parameterSubstitution.constantsOnly": "true",
}

_JAVA_OPTIONS = "spark.driver.extraJavaOptions"


def session(config: SparkConfig, java_options: str = "") -> SparkSession:
    """Return the running session, or start one, with further options for its Java.

    Under spark-submit the master and every property are the submitter's, in a process with a session those of that
    one; alone, they come from the properties file of the configuration.
    """
    builder = SparkSession.builder
    if not submitted() and SparkSession.getActiveSession() is None:
        # Without this the workers start the first python on PATH, which has none of the packages.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        properties = read_properties(config.properties)
        options = properties.get(_JAVA_OPTIONS, "")
        properties[_JAVA_OPTIONS] = f"{options} {java_options} -Dlog4j2.configurationFile={_log4j()}".strip()
        for key, value in properties.items():
            builder = builder.config(key, value)
    for key, value in REQUIRED.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def submitted() -> bool:
    """Return whether spark-submit started this process, and with it the JVM."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def read_properties(file: str | None) -> dict[str, str]:
    """Return the `key value` lines of a Spark properties file; None reads the packaged local one."""
    path = Path(file) if file else packaged("spark/local.conf")
    if not path.is_file():
        raise ConfigError("the Spark properties file does not exist", where=f"spark.properties: {path}")
    lines = [line.strip() for line in path.read_text().splitlines()]
    pairs = [line.split(None, 1) for line in lines if line and not line.startswith("#")]
    if bad := [pair[0] for pair in pairs if len(pair) != 2]:
        raise ConfigError("Spark properties without a value", where=str(path), problems=bad)
    return {key: value.strip() for key, value in pairs}


def _log4j() -> str:
    return packaged("spark/log4j2.properties").as_uri()
