"""The IDs of a release as arrays, asked by DuckDB: what exports are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from semid.downstream.export_files import ReleaseIds
from semid.downstream.exports import Origin
from semid.downstream.hybrid import prefix_points
from semid.errors import StoredDataError
from semid.tables.label_facts import version_to_show
from semid.tables.query import Reader

# Ordered by item id, as its bytes are: Python sorts them alike.
_IDS = """
SELECT item_id, codes, dedup_index FROM semantic_id
WHERE codebook_version = {version:d} AND valid_to IS NULL ORDER BY item_id"""
_CODEBOOK = """
SELECT codebook_sizes, any_value(fingerprint) AS fingerprint FROM codebook
WHERE codebook_version = {version:d} GROUP BY ALL"""
_VECTORS = """
SELECT i.item_id, i.codes, e.embedding FROM semantic_id AS i JOIN item_embedding AS e USING (content_hash)
WHERE i.codebook_version = {version:d} AND i.valid_to IS NULL
  AND e.model = (SELECT any_value(model) FROM codebook WHERE codebook_version = {version:d})
ORDER BY i.item_id"""


def release_ids(reader: Reader, version: int | None, points_depth: int | None) -> tuple[ReleaseIds, Origin]:
    """Return the open IDs of a codebook version, and where they come from.

    Args:
        reader: Of the warehouse.
        version: The codebook version; None for the active one.
        points_depth: Codes of the prefixes that hybrid retrieval filters by; None leaves their points out, and the
            vectors unread.

    Raises:
        ConfigError: Nothing is published, or the version is not served.
        StoredDataError: The tables lack the version's codebook or IDs.
    """
    shown = version_to_show(reader, version)
    rows = reader.arrow(_IDS.format(version=shown))
    books = reader.mappings(_CODEBOOK.format(version=shown))
    if len(books) != 1 or not len(rows):
        raise StoredDataError(
            f"{len(books)} codebooks and {len(rows)} IDs of version {shown}",
            where=str(reader.folder),
            next_step="semid verify",
        )
    (book,) = books
    sizes = tuple(book["codebook_sizes"])
    points = None
    if points_depth is not None:
        known = reader.arrow(_VECTORS.format(version=shown))
        points = prefix_points(_matrix(known, "embedding", np.float32), _matrix(known, "codes", np.int32), points_depth)
    ids = ReleaseIds(
        item_ids=tuple(rows["item_id"].to_pylist()),
        codes=_matrix(rows, "codes", np.int32),
        dedup_index=rows["dedup_index"].to_numpy().astype(np.int32),
        sizes=sizes,
        points=points,
    )
    return ids, Origin(reader.release_id, shown, book["fingerprint"])


def _matrix(rows: pa.Table, column: str, kind: type[np.generic]) -> NDArray[Any]:
    """Return a column of lists of one length as an array (rows, length)."""
    flat: NDArray[Any] = rows[column].combine_chunks().flatten().to_numpy()
    return flat.astype(kind, copy=False).reshape(len(rows), -1)
