"""Fixtures that every test folder shares; the Spark session is started once, and only when a test asks for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from semid.config import SparkConfig

# pytest-xdist runs its workers from a string, so their main module has no file. PySpark's Connect package, which Great
# Expectations imports, takes such a process for its own doctests and ends it with exit 0.
if not hasattr(sys.modules["__main__"], "__file__"):
    sys.modules["__main__"].__file__ = __file__


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep each file in one process, and all users of the two nights, which take a minute, in the same one."""
    for item in items:
        shared = "nights" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("nights" if shared else item.path.name))


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """The one session of the test run: two cores, four attempts a task."""
    from semid.cli.job import start_session

    session = start_session(SparkConfig(properties=None))
    session.sparkContext.setLogLevel("OFF")
    # Tiny tables: compiling a plan to bytecode costs more than running it; an eighth of a night's time.
    session.conf.set("spark.sql.codegen.wholeStage", "false")
    session.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
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


@pytest.fixture(scope="session")
def nights(spark: object, tmp_path_factory: pytest.TempPathFactory) -> object:
    """A warehouse after two nights; tests read it, or copy it before they change it."""
    from tests.nights import two_nights

    return two_nights(spark, tmp_path_factory.mktemp("nights"))
