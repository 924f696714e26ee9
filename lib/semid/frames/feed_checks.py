"""What makes a text file of a feed unreadable, found by streaming it before Spark sees it."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from semid.frames.feed_files import FeedFile
from semid.text.lines import BOM, MAX_RECORD_BYTES

# One line of 300 MB, 292 KB as gzip, killed a 1.2 GB driver: Spark holds a line in memory several times over.
MAX_LINE_BYTES = MAX_RECORD_BYTES
_CHUNK = 2**20


def text_problem(file: FeedFile) -> str | None:
    """Return why a CSV or JSON lines file cannot be read, or None; only local files are looked at.

    Reads the file once, in 1 MiB pieces.
    """
    if file.local is None:
        return None
    try:
        longest = _longest_line(file.local)
    except gzip.BadGzipFile:
        return f"{file.name}: it is named .gz but is no gzip file"
    except (EOFError, zlib.error):
        return f"{file.name}: the gzip file is cut off or damaged"
    except OSError as error:
        return f"{file.name}: {error.strerror}"
    if longest > MAX_LINE_BYTES:
        return f"{file.name}: a line is longer than {MAX_LINE_BYTES:,} bytes"
    return None


def first_lines(name: str, start: bytes) -> list[bytes]:
    """Return the lines in the beginning of a file, decompressed; without the last one when it is cut off.

    Args:
        name: The file's name; `.gz` at its end tells that `start` is compressed.
        start: The first bytes of the file.
    """
    if name.lower().endswith(".gz"):
        try:
            start = zlib.decompressobj(31).decompress(start, _CHUNK)
        except zlib.error:
            return []
    lines = start.removeprefix(BOM).split(b"\n")
    return lines[:-1] if len(lines) > 1 and len(start) >= _CHUNK else lines


def sampled_keys(lines: list[bytes]) -> list[str] | None:
    """Return the keys of the JSON objects among `lines`, sorted; None when the file is one JSON array."""
    keys: set[str] = set()
    filled = [line.strip() for line in lines if line.strip()]
    if filled and filled[0].startswith(b"["):
        return None
    for line in filled:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            keys.update(row)
    return sorted(keys)


def _longest_line(path: Path) -> int:
    """Return the length of the longest line in bytes; of the first one found too long."""
    longest = open_line = 0
    for chunk in _chunks(path):
        first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
        open_line += len(chunk) if first < 0 else first
        longest = max(longest, open_line)
        if longest > MAX_LINE_BYTES:
            break
        if last >= 0:
            open_line = len(chunk) - last - 1
    return longest


def _chunks(path: Path) -> Iterator[bytes]:
    compressed = path.name.lower().endswith(".gz")
    with gzip.open(path, "rb") if compressed else path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
