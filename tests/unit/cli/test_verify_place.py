"""What `semid verify` says of a warehouse that it cannot read."""

from __future__ import annotations

import pytest

from semid.cli import verify


@pytest.mark.parametrize("place", ["s3://bucket/w", "abfss://c@account.dfs.core.windows.net/w", "hdfs://name:8020/w"])
def test_a_warehouse_on_an_object_store_is_refused_with_what_to_do(
    place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 and advice that verifies: not that of the readers, who are sent to spark-sql."""
    assert verify.main(["--warehouse", place]) == 2
    out, message = capsys.readouterr()
    assert out == ""
    assert f"where: warehouse: {place}" in message
    assert "then verify the copy" in message
    assert "spark-sql" not in message
