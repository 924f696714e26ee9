"""The printed form of a semantic ID, and the ids of runs.

An ID prints as its codes joined by `-`, with `#k` behind it when its dedup index k is above 0:
`12-153-87`, `12-153-87#1`. Prefix logic never meets the `#`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

ID_PATTERN = r"^(0|[1-9][0-9]*)(-(0|[1-9][0-9]*))*(#[1-9][0-9]*)?$"
RUN_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:+-]{0,127}$"


def format_id(codes: Sequence[int], dedup_index: int = 0) -> str:
    """Return the printed ID.

    >>> format_id([12, 153, 87]), format_id([12, 153, 87], 1)
    ('12-153-87', '12-153-87#1')
    """
    body = "-".join(str(int(code)) for code in codes)
    return f"{body}#{dedup_index}" if dedup_index else body


def parse_id(semantic_id: str) -> tuple[tuple[int, ...], int]:
    """Return (codes, dedup index) of a printed ID.

    >>> parse_id("12-153-87#1")
    ((12, 153, 87), 1)

    Raises:
        ValueError: The text is not an ID.
    """
    if not re.fullmatch(ID_PATTERN, semantic_id):
        raise ValueError(f"not a semantic ID: {semantic_id!r}")
    body, _, index = semantic_id.partition("#")
    return tuple(int(code) for code in body.split("-")), int(index or 0)


def prefixes(codes: Sequence[int]) -> list[str]:
    """Return the prefixes of every depth, coarse to fine.

    >>> prefixes([12, 153, 87])
    ['12', '12-153', '12-153-87']
    """
    return [format_id(codes[:depth]) for depth in range(1, len(codes) + 1)]


def overlap(a: str, b: str) -> int:
    """Return the number of equal leading codes of two printed IDs.

    >>> overlap("12-153-87", "12-153-9#1")
    2
    """
    count = 0
    for left, right in zip(parse_id(a)[0], parse_id(b)[0], strict=False):
        if left != right:
            break
        count += 1
    return count


def fingerprint(content: Any) -> str:
    """Return the sha256 (hex) of a JSON-able value in canonical form.

    A lone surrogate, as in a file name that is no UTF-8, has no UTF-8: it counts as its JSON escape, which no other
    text is written as.
    """
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(canonical.encode(errors="backslashreplace")).hexdigest()


def derive_run_id(job: str, run_date: str, inputs: str) -> str:
    """Return the default run id: job, logical date and the first 12 hex digits of the inputs' fingerprint.

    >>> derive_run_id("nightly", "2026-11-22", "ab" * 32)
    'nightly-2026-11-22-abababababab'
    """
    return f"{job}-{run_date}-{inputs[:12]}"
