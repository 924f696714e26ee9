"""Codebooks as bytes: one safetensors file, no pickle, checked before it is trusted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from semid.quantize.base import Codebook
from semid.quantize.opq import OpqCodebook
from semid.quantize.pq import PqCodebook
from semid.quantize.prq import PrqCodebook
from semid.quantize.rkmeans import RkmeansCodebook
from semid.quantize.rqvae import RqvaeCodebook
from semid.quantize.vq import VqCodebook

_CLASSES: tuple[type[Codebook], ...] = (
    RqvaeCodebook,
    RkmeansCodebook,
    PrqCodebook,
    PqCodebook,
    OpqCodebook,
    VqCodebook,
)
CODEBOOKS: dict[str, type[Codebook]] = {cls.kind: cls for cls in _CLASSES}
"""Codebook classes by kind. Quantizers, which may need torch, are in `quantizers`."""

# What a header that says anything at all can end in: wrong types, missing keys, nesting, numbers out of range.
_BROKEN = (SafetensorError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def to_bytes(codebook: Codebook) -> bytes:
    """Return the codebook as a safetensors file, the same bytes each time for equal codebooks."""
    arrays = {name: np.ascontiguousarray(array) for name, array in codebook.arrays().items()}
    # one metadata entry: safetensors keeps them in a hash map, whose order differs between processes
    return save(arrays, metadata={"codebook": json.dumps(codebook.metadata(), sort_keys=True)})


def sha256(data: bytes) -> str:
    """Return the hex SHA-256 of `data`, which names a codebook and catches any changed bit."""
    return hashlib.sha256(data).hexdigest()


def from_bytes(data: bytes) -> Codebook:
    """Return the codebook that `to_bytes` wrote.

    Raises:
        ValueError: When the bytes are no codebook; lists every wrong, missing or non-finite array. A flipped bit
            that leaves a number finite is for `sha256` to find.
    """
    try:
        metadata = _metadata(data)
        kind = CODEBOOKS[metadata["kind"]]
        shapes = kind.shapes(metadata)
        arrays = load(data)
    except _BROKEN as error:
        raise ValueError(f"not a codebook ({len(data)} bytes): {type(error).__name__}: {error}") from error
    if problems := _problems(arrays, shapes):
        raise ValueError(f"codebook has {len(problems)} problems: {'; '.join(problems)}")
    codebook = kind.from_arrays(arrays, metadata)
    if codebook.metadata() != metadata:
        raise ValueError(f"codebook arrays say {codebook.metadata()}, its metadata says {metadata}")
    return codebook


def _metadata(data: bytes) -> dict[str, str]:
    """Return the codebook's metadata from the header: 8 bytes of length, then JSON."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata: dict[str, str] = json.loads(header["__metadata__"]["codebook"])
    return metadata


def _problems(arrays: Mapping[str, NDArray[np.float32]], shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return one line per array that is missing, unknown, of the wrong type or shape, or not finite."""
    problems = [f"{name} is missing" for name in sorted(shapes.keys() - arrays.keys())]
    problems += [f"{name} is unknown" for name in sorted(arrays.keys() - shapes.keys())]
    problems += ["there is no array of centroids"] if "centroids_1" not in shapes else []
    problems += [f"{name} is empty" for name in sorted(shapes) if 0 in shapes[name]]
    for name in sorted(shapes.keys() & arrays.keys()):
        array, shape = arrays[name], tuple(shapes[name])
        if array.dtype != np.float32 or array.shape != shape:
            problems.append(f"{name} is {array.dtype} {array.shape}, expected float32 {shape}")
        elif bad := int(np.count_nonzero(~np.isfinite(array))):
            problems.append(f"{name} has {bad} values that are not finite")
    return problems
