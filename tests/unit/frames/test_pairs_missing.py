"""Pairs that are not there are called pairs, not the feed: decided before Spark is asked anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from semid.config import load_config
from semid.errors import InputRefused
from semid.frames.pairs import read_pairs

NO_SPARK: Any = None


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("nowhere.parquet", "the table of pairs does not exist"),
        ("", "the format of the table of pairs is not clear"),
        ("day=1", "files of the table of pairs cannot be read as they lie"),
    ],
)
def test_missing_pairs_are_called_pairs(tmp_path: Path, name: str, what: str) -> None:
    """The message names the pairs, their key and what to give; no word of the catalog's feed."""
    (tmp_path / "day=1" / "x=2").mkdir(parents=True)
    (tmp_path / "day=1" / "x=2" / "a.parquet").touch()
    (tmp_path / "a.csv").touch()
    settings = load_config().codebook.model_copy(update={"pairs": str(tmp_path / name)})
    with pytest.raises(InputRefused, match=what) as refused:
        read_pairs(NO_SPARK, settings)
    report = refused.value.report()
    assert f"where: codebook.pairs: {tmp_path / name}" in report
    assert "item_id_a" in report
    assert "feed" not in report
