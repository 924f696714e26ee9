"""When it cannot be told that a feed has been taken in before."""

from __future__ import annotations

import pytest

from semid.config import load_config
from semid.tables.same_feed import taken_as
from semid.tables.store import Store


@pytest.mark.parametrize(("settings", "contents"), [(["images.model=folder"], "bytes"), ([], "")])
def test_a_feed_whose_bytes_are_not_all_that_decides_is_like_no_other(settings: list[str], contents: str) -> None:
    """Image files decide beside the feed; of a file that is not on this machine no byte was read."""
    store = Store(None, "no warehouse is asked")  # type: ignore[arg-type]
    assert taken_as(store, load_config(overrides=settings), contents) is None
