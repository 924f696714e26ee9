"""`semid cold-items`: where new items landed, counted again here item by item."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from semid.cli.main import main
from semid.tables.query import open_reader
from tests.nights import NIGHT2, Nights

IDS = "SELECT item_id, codes, first_seen FROM semantic_id_current JOIN item_catalog USING (item_id) ORDER BY item_id"


def cold(nights: Nights, traffic: Path, *flags: str) -> int:
    return main(["cold-items", "--warehouse", str(nights.warehouse), "--traffic", str(traffic), *flags])


@pytest.fixture
def traffic(nights: Nights, tmp_path: Path) -> Path:
    """Item n of the release was taken n % 5 times, and an unknown one twice."""
    names = [row["item_id"] for row in open_reader(str(nights.warehouse)).mappings(IDS)]
    taken = [name for n, name in enumerate(names) for _ in range(n % 5)]
    pd.DataFrame({"item_id": [*taken, "unknown", "unknown"]}).to_parquet(tmp_path / "traffic.parquet")
    return tmp_path / "traffic.parquet"


@pytest.mark.parametrize("since", [None, NIGHT2])
def test_every_new_item_has_its_deepest_prefix(
    since: str | None, nights: Nights, traffic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Depth, items, traffic and neighbours of each, by a loop over all older items; the screen counts them."""
    output = tmp_path / "cold.parquet"
    assert cold(nights, traffic, "--output", str(output), *(["--since", since] if since else [])) == 0
    rows = open_reader(str(nights.warehouse)).mappings(IDS)
    times = pd.read_parquet(traffic).item_id.value_counts().to_dict()
    new = [row for row in rows if (str(row["first_seen"]) >= since if since else row["item_id"] not in times)]
    older = [row for row in rows if row not in new]
    found = pq.read_table(output).to_pylist()
    assert [row["item_id"] for row in found] == [row["item_id"] for row in new]
    assert new
    for told, row in zip(found, new, strict=True):
        near = [[one for one in older if one["codes"][:depth] == row["codes"][:depth]] for depth in range(4)]
        depth = max(depth for depth in range(4) if near[depth] or not depth)
        around = near[depth] if depth else []
        ranked = sorted((one["item_id"] for one in around), key=lambda name: (-times.get(name, 0), name))
        assert told["depth"] == depth
        assert told["prefix_items"] == len(around)
        assert told["prefix_traffic"] == sum(times.get(name, 0) for name in ranked)
        assert told["neighbours"] == ranked[:3]
    assert capsys.readouterr().out.startswith(f"{len(new)} items ")


def test_what_is_no_traffic_is_refused(
    nights: Nights, traffic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No file, no column, no place for the output: one message each."""
    assert cold(nights, tmp_path / "none.parquet") == 3
    pd.DataFrame({"item": ["a"]}).to_parquet(tmp_path / "other.parquet")
    assert cold(nights, tmp_path / "other.parquet") == 3
    assert capsys.readouterr().err.count("the file is no table of interactions") == 2
    assert cold(nights, traffic, "--output", str(traffic)) == 2
    assert "something in the place of the output" in capsys.readouterr().err
