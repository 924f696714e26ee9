"""Spark's properties files: those that extend another one have all of it."""

from __future__ import annotations

from semid.config import packaged
from semid.frames.session import read_properties


def test_the_lineage_properties_extend_the_local_properties() -> None:
    """openlineage.conf is local.conf and the listener: a property corrected in one of the two is corrected in both."""
    local, lineage = (read_properties(str(packaged(f"spark/{name}.conf"))) for name in ("local", "openlineage"))
    assert local.items() <= lineage.items()
    assert "OpenLineageSparkListener" in lineage["spark.extraListeners"]
