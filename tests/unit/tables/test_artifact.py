"""A stored codebook is opened only when its bytes are those that were written, and make one."""

from __future__ import annotations

import numpy as np
import pytest

from semid.errors import StoredDataError
from semid.quantize.codebook import sha256, to_bytes
from semid.tables.artifact import opened
from tests.codebooks import random_codebook


def test_the_codebook_that_was_written_is_opened() -> None:
    """It gives the codes of the one that was stored."""
    book = random_codebook("rkmeans", 0)
    artifact = to_bytes(book)
    x = np.random.default_rng(0).normal(size=(9, book.dim)).astype(np.float32)
    np.testing.assert_array_equal(opened(artifact, sha256(artifact), 3).encode(x), book.encode(x))


@pytest.mark.parametrize("recorded", ["", "0" * 64])
def test_other_bytes_are_refused_with_both_hashes(recorded: str) -> None:
    """Exit 6; where, what was found and what to do."""
    with pytest.raises(StoredDataError, match="not those that were written") as refused:
        opened(b"x", recorded, 3)
    assert refused.value.where == "table codebook, version 3"
    assert refused.value.problems == (f"sha256 {sha256(b'x')}, recorded {recorded}",)


def test_bytes_that_make_no_codebook_are_refused() -> None:
    """Their hash is right and they were never a codebook."""
    with pytest.raises(StoredDataError, match="no usable codebook"):
        opened(b"x", sha256(b"x"), 3)
