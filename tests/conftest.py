"""Fixtures that every test folder shares; the Spark session is started once, and only when a test asks for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from semid.config import SparkConfig

# No test has a time limit: on busy cores an example takes as long as it takes. No examples are kept either: writing them
# was a seventh of the unit tests' time. Sixty of Hypothesis's hundred: every run draws others, and tests/unit is to take ten
# seconds.
settings.register_profile("semid", deadline=None, database=None, max_examples=60)
settings.load_profile("semid")

# pytest-xdist runs its workers from a string, so their main module has no file. PySpark's Connect package, which Great
# Expectations imports, takes such a process for its own doctests and ends it with exit 0.
if not hasattr(sys.modules["__main__"], "__file__"):
    sys.modules["__main__"].__file__ = __file__


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep each file in one process: its module's fixtures take minutes."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """The one session of the test run: two cores, four attempts a task."""
    from semid.cli.job import start_session
    from tests import warm_spark

    properties = warm_spark.properties(tmp_path_factory.mktemp("spark") / "spark.conf")
    session = start_session(SparkConfig(properties=properties))
    session.sparkContext.setLogLevel("OFF")
    # Tiny tables: compiling a plan to bytecode costs more than running it (an eighth of a night's time), and so does
    # planning it again after each of 48 stages (with the partitions a quarter of its processor time).
    session.conf.set("spark.sql.codegen.wholeStage", "false")
    session.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
    session.conf.set("spark.sql.adaptive.enabled", "false")
    session.conf.set("spark.sql.shuffle.partitions", "2")
    session.conf.set("spark.databricks.delta.snapshotPartitions", "1")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def empty_warehouse(spark: object, tmp_path_factory: pytest.TempPathFactory) -> object:
    """Every table of the contract, empty; tests copy it."""
    from semid.tables.store import Store

    empty = Store(spark, str(tmp_path_factory.mktemp("empty") / "warehouse"))
    empty.create_tables()
    return empty


@pytest.fixture
def store(empty_warehouse: object, tmp_path: Path) -> object:
    """An empty warehouse with every table of the contract."""
    from tests.small_nights import copy

    return copy(empty_warehouse, tmp_path / "warehouse")


@pytest.fixture(scope="module", autouse=True)
def forgotten_tables() -> Iterator[None]:
    """Let go of the tables of a file's warehouses: Delta keeps a snapshot of each, which filled the heap.

    One process spent 188 of 1,204 seconds on collecting it.
    """
    yield
    sql = sys.modules.get("pyspark.sql")  # the unit tests do without
    if sql is not None and (session := sql.SparkSession.getActiveSession()) is not None:
        session._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()


@pytest.fixture(scope="session")
def nights(spark: object, tmp_path_factory: pytest.TempPathFactory) -> object:
    """A warehouse after two nights; tests read it, or copy it before they change it.

    They take a minute, so the processes of a test run share them: whoever comes first runs them.
    """
    from tests.nights import shared_nights

    base = tmp_path_factory.getbasetemp()
    return shared_nights(spark, (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "nights")
