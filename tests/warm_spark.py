"""Sessions that live for many small nights: how their Java compiles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from semid.config import packaged

_QUICK_COMPILER_ONLY = " -XX:TieredStopAtLevel=1"
"""Right for one night. Of 24 small ones in one session the slow compiler took 511 s of processor time with its own
work, the quick one alone 549; from the fifteenth on a night took 16 s and 22."""


def properties(file: Path, changed: Mapping[str, str] | None = None) -> str:
    """Write the packaged local properties for a session of many nights, with some values changed; return the path."""
    text = packaged("spark/local.conf").read_text()
    assert _QUICK_COMPILER_ONLY in text
    lines = text.replace(_QUICK_COMPILER_ONLY, "").splitlines()
    lines += [f"{key} {value}" for key, value in (changed or {}).items()]  # the last value of a key counts
    file.write_text("\n".join(lines))
    return str(file)
