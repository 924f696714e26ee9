"""The files of an export: what each holds, and how it is written. The same IDs give the same bytes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors.numpy import save_file

from semid.downstream.hybrid import PrefixPoints
from semid.downstream.sid_tokens import tokenizer_files
from semid.downstream.sid_trie import trie, valid_sids
from semid.ids import format_id, prefixes
from semid.quantize.base import Codes, check_codes

_NAMESPACE = uuid.UUID("7c3d6c0e-5f0b-5b57-9d3c-6a1f3a4de9b1")
"""Qdrant takes whole numbers and UUIDs for ids: an item's is the UUID (version 5) of its item_id in this namespace."""


@dataclass(frozen=True, eq=False)
class ReleaseIds:
    """The IDs of one release under one codebook.

    Attributes:
        item_ids: Items (n,), sorted, each once.
        codes: Codes (n, levels).
        dedup_index: Dedup index (n,) of each.
        sizes: Codes per level.
        points: What hybrid retrieval compares prefixes by; None where vectors are not exported.
    """

    item_ids: tuple[str, ...]
    codes: Codes
    dedup_index: NDArray[np.int32]
    sizes: tuple[int, ...]
    points: PrefixPoints | None = None

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ValueError(f"IDs have {len(problems)} problems: {'; '.join(problems)}")

    def _problems(self) -> Iterator[str]:
        n = len(self.item_ids)
        if not n or self.codes.shape != (n, len(self.sizes)) or self.dedup_index.shape != (n,):
            yield f"{n} items, codes {self.codes.shape}, dedup_index {self.dedup_index.shape}, {len(self.sizes)} sizes"
            return
        if list(self.item_ids) != sorted(set(self.item_ids)):
            yield "item_ids are not sorted, or not distinct"
        try:
            check_codes(self.codes, self.sizes)
        except ValueError as error:
            yield str(error)
        if (self.dedup_index < 0).any():
            yield f"{int((self.dedup_index < 0).sum())} dedup indexes are negative"
        elif (twice := n - len(np.unique(np.column_stack([self.codes, self.dedup_index]), axis=0))) > 0:
            yield f"{twice} items share codes and dedup index with another"

    @property
    def word_sizes(self) -> tuple[int, ...]:
        """Sizes of the levels and, as one more, of the dedup index: items are distinct then."""
        return (*self.sizes, int(self.dedup_index.max()) + 1)


def write_valid_sids(ids: ReleaseIds, file: Path) -> None:
    """Write the distinct codes, sorted, (IDs, levels) int32, as .npy."""
    np.save(file, valid_sids(ids.codes), allow_pickle=False)


def write_items(ids: ReleaseIds, file: Path) -> None:
    """Write a Parquet row per item: item_id, semantic_id, dedup_index, sid (its row in valid_sids.npy)."""
    sids = np.unique(ids.codes, axis=0, return_inverse=True)[1].reshape(-1)
    printed = [format_id(codes, int(k)) for codes, k in zip(ids.codes.tolist(), ids.dedup_index, strict=True)]
    columns = {
        "item_id": pa.array(ids.item_ids, pa.string()),
        "semantic_id": pa.array(printed, pa.string()),
        "dedup_index": pa.array(ids.dedup_index, pa.int32()),
        "sid": pa.array(sids, pa.int32()),
    }
    pq.write_table(pa.table(columns), file, write_page_checksum=True)


def write_codes(ids: ReleaseIds, file: Path) -> None:
    """Write safetensors: `codes` [levels, items] int32 and `dedup_index` [items], items as in items.parquet."""
    codes = np.ascontiguousarray(ids.codes.T, dtype=np.int32)
    save_file({"codes": codes, "dedup_index": ids.dedup_index.astype(np.int32)}, file)


def write_trie(ids: ReleaseIds, file: Path) -> None:
    """Write the arrays of `sid_trie.trie` as safetensors; `item` counts the rows of items.parquet."""
    save_file(trie(ids.codes, ids.sizes), file)


def write_points(ids: ReleaseIds, file: Path) -> None:
    """Write the arrays of `hybrid.PrefixPoints` as safetensors."""
    if ids.points is None:
        raise ValueError("these IDs have no points")
    arrays = {name: np.ascontiguousarray(array) for name, array in vars(ids.points).items()}
    save_file(arrays, file)


def write_qdrant(ids: ReleaseIds, file: Path) -> None:
    """Write a line per item: a Qdrant point without its vector, to filter by `payload.sid_p1` and so on."""
    with file.open("w", encoding="utf-8") as lines:
        for point in qdrant_points(ids):
            lines.write(json.dumps(point, ensure_ascii=False) + "\n")


def qdrant_points(ids: ReleaseIds) -> Iterator[dict[str, object]]:
    """Yield {id, payload} per item; the payload has item_id, semantic_id and every prefix, printed."""
    for item_id, codes, k in zip(ids.item_ids, ids.codes.tolist(), ids.dedup_index, strict=True):
        levels = {f"sid_p{depth}": prefix for depth, prefix in enumerate(prefixes(codes), start=1)}
        payload = {"item_id": item_id, "semantic_id": format_id(codes, int(k)), **levels}
        yield {"id": str(uuid.uuid5(_NAMESPACE, item_id)), "payload": payload}


def _tokenizer_file(name: str) -> Callable[[ReleaseIds, Path], None]:
    def write(ids: ReleaseIds, file: Path) -> None:
        file.write_text(tokenizer_files(ids.word_sizes)[name], encoding="utf-8")

    return write


WRITERS: Mapping[str, Callable[[ReleaseIds, Path], None]] = {
    "valid_sids.npy": write_valid_sids,
    "items.parquet": write_items,
    "codes.safetensors": write_codes,
    "trie.safetensors": write_trie,
    "qdrant.jsonl": write_qdrant,
    "tokenizer/tokenizer.json": _tokenizer_file("tokenizer.json"),
    "tokenizer/tokenizer_config.json": _tokenizer_file("tokenizer_config.json"),
}
"""Files of every export, by their path in it."""

POINTS = "prefix_points.safetensors"
"""One file more, where the IDs have points."""


def writers(ids: ReleaseIds) -> dict[str, Callable[[ReleaseIds, Path], None]]:
    """Return the files that an export of `ids` has, each with what writes it."""
    return {**WRITERS, POINTS: write_points} if ids.points is not None else dict(WRITERS)
