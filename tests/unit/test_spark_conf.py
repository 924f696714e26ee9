"""Spark's properties files: those that extend another one have all of it."""

from __future__ import annotations

import pytest

from semid.config import packaged
from semid.frames.session import read_properties


def test_the_lineage_properties_extend_the_local_properties() -> None:
    """openlineage.conf is local.conf and the listener: a property corrected in one of the two is corrected in both."""
    local, lineage = (read_properties(str(packaged(f"spark/{name}.conf"))) for name in ("local", "openlineage"))
    assert local.items() <= lineage.items()
    assert "OpenLineageSparkListener" in lineage["spark.extraListeners"]


def test_the_gpu_properties_extend_the_cluster_properties() -> None:
    """gpu.conf is cluster.conf and the GPU lines: a property corrected in one of the two is corrected in both."""
    cluster, gpu = (read_properties(str(packaged(f"spark/{name}.conf"))) for name in ("cluster", "gpu"))
    assert cluster.items() <= gpu.items()
    assert {name.rpartition(".")[0] for name in gpu.keys() - cluster.keys()} == {
        "spark.executor.resource.gpu",
        "spark.sql.execution.arrow",
        "spark.task.resource.gpu",
    }


@pytest.mark.parametrize("name", ["local", "openlineage", "cluster", "gpu"])
def test_listing_a_table_never_takes_the_default_of_10000_tasks(name: str) -> None:
    """VACUUM starts that many however few folders a table has."""
    found = read_properties(str(packaged(f"spark/{name}.conf")))
    assert 1 <= int(found["spark.sql.sources.parallelPartitionDiscovery.parallelism"]) <= 200
