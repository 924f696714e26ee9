"""Whether a file holds what was written: its size, its checksums, its rows, its nulls."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from semid.tables.delta_log import DataFile

_BATCH = 65_536
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def file_problem(table: Path, file: DataFile, columns: Sequence[str]) -> str | None:
    """Return what is wrong with a data file, in words; None when all of it can be read and is as it was written.

    Args:
        table: The folder of the table.
        file: What the log says of it.
        columns: Columns that it must hold.
    """
    path = table / file.path
    # Delta reads such a file too: whoever can write the log could have any Parquet file of the host published.
    if "\0" in file.path or _SCHEME.match(file.path) or not path.resolve().is_relative_to(table.resolve()):
        return "lies outside the table; semid writes no such file"
    if not path.is_file():
        return "is missing"
    if file.size != (found := path.stat().st_size):
        return f"has {found:,} bytes, {file.size:,} were written"
    if side_file_differs(path):
        return "is not what was written: its checksum file says so"
    try:
        return _content_problem(path, file, columns)
    except (OSError, ValueError, pa.ArrowException) as error:
        return f"cannot be read: {' '.join(str(error).split())[:200]}"


def side_file_differs(path: Path) -> bool:
    """Return whether a file differs from the checksums that Hadoop wrote beside it; False when there are none.

    Hadoop's local file system keeps a CRC-32 of every 512 bytes in `.<name>.crc` (ChecksumFileSystem): the only
    checksum of log files and Parquet footers. Object stores have their own.
    """
    side = path.with_name(f".{path.name}.crc")
    if not side.is_file():
        return False
    told, content = side.read_bytes(), path.read_bytes()
    if told[:4] != b"crc\0" or len(told) < 8:
        return True
    (chunk,) = struct.unpack(">i", told[4:8])
    if chunk <= 0:
        return True
    sums = b"".join(struct.pack(">I", zlib.crc32(content[at : at + chunk])) for at in range(0, len(content), chunk))
    return sums != told[8:]


def _content_problem(path: Path, file: DataFile, columns: Sequence[str]) -> str | None:
    # Without the checksum of each page 19 of 24 flipped bits were read as good values.
    with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
        if lacking := [name for name in columns if name not in parquet.schema_arrow.names]:
            return f"lacks column {', '.join(lacking)}"
        rows, nulls = 0, dict.fromkeys(file.nulls, 0)
        for batch in parquet.iter_batches(_BATCH):
            rows += batch.num_rows
            for name in nulls.keys() & set(batch.schema.names):
                nulls[name] += batch.column(name).null_count
    if file.rows is not None and rows != file.rows:
        return f"holds {rows:,} rows, {file.rows:,} were written"
    if wrong := [name for name, count in file.nulls.items() if name in columns and nulls[name] != count]:
        return f"holds other nulls than were written in {', '.join(wrong)}"
    return None
