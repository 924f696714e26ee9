"""Small warehouses with a release or two: made once in a test run, copied for each test that asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from semid.tables.store import Store
from tests.small_nights import copy, first_night, second_night, shadow


@pytest.fixture(scope="session")
def one_release(empty_warehouse: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = copy(empty_warehouse, tmp_path_factory.mktemp("one") / "warehouse")
    first_night(store)
    return store


@pytest.fixture(scope="session")
def two_releases(one_release: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = copy(one_release, tmp_path_factory.mktemp("two") / "warehouse")
    second_night(store)
    return store


@pytest.fixture(scope="session")
def with_shadow(one_release: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = copy(one_release, tmp_path_factory.mktemp("shadow") / "warehouse")
    shadow(store)
    return store


@pytest.fixture
def published(one_release: Store, tmp_path: Path) -> Store:
    """A warehouse after its first night."""
    return copy(one_release, tmp_path / "warehouse")


@pytest.fixture
def twice(two_releases: Store, tmp_path: Path) -> Store:
    """A warehouse after two nights."""
    return copy(two_releases, tmp_path / "warehouse")


@pytest.fixture
def shadowed(with_shadow: Store, tmp_path: Path) -> Store:
    """A warehouse that serves a second codebook version beside the active one."""
    return copy(with_shadow, tmp_path / "warehouse")
