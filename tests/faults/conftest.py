"""Two nights that all fault tests share, each run in a process of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests import catalog
from tests.twins import NIGHT1, NIGHT2, flags, undisturbed


@pytest.fixture(scope="session")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the feed of a second night and two warehouses: `first` before that night, `twin` after it."""
    folder, first = tmp_path_factory.mktemp("nights"), catalog.items(120)
    feed = catalog.write_jsonl(catalog.second_night(first), folder / "feed.jsonl")
    undisturbed(flags(folder / "first", catalog.write_jsonl(first, folder / "feed1.jsonl"), NIGHT1))
    shutil.copytree(folder / "first", folder / "twin")
    undisturbed(flags(folder / "twin", feed, NIGHT2))
    return folder
