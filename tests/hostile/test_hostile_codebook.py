"""Bytes that pose as a codebook: refused with ValueError, whatever their header says, without the memory it asks for."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from semid.quantize.codebook import from_bytes

RKMEANS = {"kind": "rkmeans", "sizes": "[2]", "dim": "3"}
MEMORY_MB = 300
"""Room for Python, numpy and safetensors, which take 130 MB of address space here; a header asks for terabytes."""


def file_of(header: Any, body: bytes = b"") -> bytes:
    """Return a safetensors file with this header, true or not."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def with_metadata(metadata: Any, **arrays: np.ndarray) -> bytes:
    return save(arrays or {"centroids_1": np.zeros((2, 3), np.float32)}, metadata={"codebook": json.dumps(metadata)})


def tensor(shape: list[int], end: int) -> dict[str, Any]:
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}
    return {"__metadata__": {"codebook": json.dumps(RKMEANS)}, "centroids_1": entry}


HOSTILE = {
    "empty": b"",
    "length of a header beyond the file": struct.pack("<Q", 2**63) + b"{}",
    "length of a header that overflows": b"\xff" * 16,
    "no JSON": file_of(b"{"),
    "nested": file_of(b'{"a":' + b"[" * 200_000),
    "number of digits": file_of(b'{"a":' + b"9" * 5000 + b"}"),
    "a list": file_of([]),
    "no metadata": file_of({"a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}),
    "metadata that is a number": file_of({"__metadata__": {"codebook": 5}}),
    "terabytes": file_of(tensor([2**20, 2**20], 2**42), bytes(64)),
    "shape that overflows": file_of(tensor([2**62, 2**62], 24), bytes(24)),
    "negative shape": file_of(tensor([-2, 3], 24), bytes(24)),
    "overlapping offsets": file_of(tensor([2, 3], 24) | {"x": {"dtype": "F32", "shape": [6], "data_offsets": [0, 24]}}, bytes(24)),
    "another dtype": file_of({**tensor([2, 3], 24), "centroids_1": {"dtype": "BF16", "shape": [2, 6], "data_offsets": [0, 24]}}, bytes(24)),
    "unknown kind": with_metadata({**RKMEANS, "kind": "__import__"}),
    "kind that is a list": with_metadata({**RKMEANS, "kind": []}),
    "sizes that are none": with_metadata({**RKMEANS, "sizes": "[]"}),
    "no levels and no arrays": file_of({"__metadata__": {"codebook": json.dumps({**RKMEANS, "sizes": "[]"})}}),
    "sizes of zero": with_metadata({**RKMEANS, "sizes": "[0]"}, centroids_1=np.zeros((0, 3), np.float32)),
    "sizes of a text": with_metadata({**RKMEANS, "sizes": '"ab"'}),
    "sizes beyond reason": with_metadata({**RKMEANS, "sizes": f"[{10**30}]"}),
    "sizes nested": with_metadata({**RKMEANS, "sizes": "[" * 100_000}),
    "dim of a billion": with_metadata({**RKMEANS, "dim": "1000000000"}),
    "dim infinite": with_metadata({**RKMEANS, "dim": "inf"}),
    "pq of a billion parts": with_metadata({"kind": "pq", "sizes": "[2]", "dim": "-1"}),
    "rqvae without widths": with_metadata({"kind": "rqvae", "sizes": "[2]", "encoder": "[]", "decoder": "[3]"}),
    "further metadata": with_metadata({**RKMEANS, "note": "x"}),
}  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused(data: bytes) -> None:
    """Every way of lying in the header is a ValueError: the registry turns it into exit 6."""
    with pytest.raises(ValueError, match="codebook"):
        from_bytes(data)


@given(st.sampled_from(sorted(HOSTILE)), st.data())
@settings(max_examples=150, deadline=None)
def test_no_bytes_end_in_another_error(name: str, draw: st.DataObject) -> None:
    """Hostile files with bytes changed, cut or added: a codebook or a ValueError."""
    data = bytearray(HOSTILE[name] or with_metadata(RKMEANS))[:4000]
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(data)))
        data[at : at + draw.draw(st.integers(0, 3))] = draw.draw(st.binary(max_size=3))
    with suppress(ValueError):
        from_bytes(bytes(data))


def test_a_header_cannot_ask_for_memory(tmp_path: Path) -> None:
    """All of the files again in a process that is given 300 MB beyond what it has after its imports."""
    for number, data in enumerate(HOSTILE.values()):
        (tmp_path / f"{number:03d}").write_bytes(data)
    script = f"""
import resource, sys
from pathlib import Path
from semid.quantize.codebook import from_bytes
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {MEMORY_MB << 20},) * 2)
for file in sorted(Path(sys.argv[1]).iterdir()):
    try:
        from_bytes(file.read_bytes())
    except ValueError:
        continue
    sys.exit(f"taken: {{file.name}}")
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=120)
