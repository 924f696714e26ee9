"""Vectors in Parquet files, read block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq

from semid.quantize.base import Floats

BLOCK_ROWS = 65_536
"""100 MB of 384 floats."""


@dataclass(frozen=True)
class Shards:
    """Files with a column `embedding` of equally long vectors.

    Attributes:
        files: Their paths.
    """

    files: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of vectors in all files, from their footers."""
        return sum(pq.read_metadata(file).num_rows for file in self.files)

    def blocks(self, order: Iterable[int]) -> Iterator[Floats]:
        """Yield blocks (n, d) of at most `BLOCK_ROWS` vectors; `order` numbers the files."""
        for number in order:
            for batch in pq.ParquetFile(self.files[number]).iter_batches(BLOCK_ROWS, columns=["embedding"]):
                column = batch.column("embedding")
                flat = column.flatten().to_numpy(zero_copy_only=False)
                yield np.array(flat, np.float32).reshape(len(column), -1)
