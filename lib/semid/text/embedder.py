"""Texts into vectors: the model, its device, and the checks that every vector passes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from semid.errors import ConfigError, EnvironmentFault, StoredDataError
from semid.text.model import ModelSpec, files_sha256, locate

# With texts padded to a length of their own, a vector does not depend on the texts beside it: 500 texts in
# any order, batch size or alone gave equal bits on a CPU, where plain batches changed 12-44 % of the vectors.
# Multiples of 8 tokens cost no time against exact lengths and keep batches from falling apart.
PAD_TO = 8


class Resource(Protocol):
    """What Spark says about a resource of a task."""

    @property
    def addresses(self) -> Sequence[str]:
        """Names of the units the task may use, as the discovery script printed them."""
        ...


class Embedder:
    """A loaded model on one device."""

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._spec = spec
        self._model = _load(spec, device)
        self._limit = int(self._model.max_seq_length)

    @property
    def dimension(self) -> int:
        """Width of the vectors."""
        return int(self._model.get_embedding_dimension())

    def embed(self, texts: Sequence[str], names: Sequence[str]) -> NDArray[np.float32]:
        """Return the L2-normalised vectors (n, d) of `texts`.

        Args:
            texts: What is embedded.
            names: What each text is called in an error message.

        Raises:
            StoredDataError: The model gave a vector with NaN or infinity, of length zero or of a wrong width.
        """
        x = np.empty((len(texts), self.dimension), dtype=np.float32)
        lengths = self._padded_lengths(texts)
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            x[rows] = self._encode([texts[row] for row in rows.tolist()], int(length))
        return normalised(x, names)

    def _padded_lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        prompted = [self._spec.prompt + text for text in texts]
        tokens = self._model.tokenizer(prompted, truncation=True, max_length=self._limit)["input_ids"]
        lengths = np.array([len(ids) for ids in tokens], dtype=np.int64)
        return np.minimum(-(-lengths // PAD_TO) * PAD_TO, self._limit)

    def _encode(self, texts: list[str], length: int) -> NDArray[np.float32]:
        padding = {"padding": "max_length", "max_length": length, "truncation": True}
        x = self._model.encode(
            texts,
            prompt=self._spec.prompt or None,
            batch_size=self._spec.batch_size,
            show_progress_bar=False,
            processing_kwargs={"text": padding},
        )
        if x.shape != (len(texts), self.dimension):
            raise StoredDataError(f"the model gave vectors of shape {x.shape}, not {(len(texts), self.dimension)}")
        return np.asarray(x, dtype=np.float32)


@lru_cache(maxsize=2)
def embedder(spec: ModelSpec, device: str) -> Embedder:
    """Return the model on the device, loaded once per process."""
    return Embedder(spec, device)


def normalised(x: NDArray[np.float32], names: Sequence[str]) -> NDArray[np.float32]:
    """Return the rows of `x` (n, d) at length 1.

    Raises:
        StoredDataError: Names the rows that have no direction.
    """
    norms = np.linalg.norm(x.astype(np.float64), axis=1)
    bad = np.flatnonzero(~(np.isfinite(norms) & (norms > 0)))
    if len(bad):
        raise StoredDataError(
            f"the model gave {len(bad)} of {len(x)} vectors without a direction (NaN, infinite or all zeros)",
            problems=[names[row] for row in bad[:20]],
            where="embedding.model",
            next_step="embed one of these texts by hand; NaN for every text means broken model files",
        )
    return np.asarray(x / norms[:, None], dtype=np.float32)


def device_for(resources: Mapping[str, Resource], visible: str | None) -> str:
    """Return a task's torch device: `cuda:<n>` for the GPU that Spark gave it, `cpu` when it gave none.

    Args:
        resources: `TaskContext.resources()`; `gpu` holds the address that the discovery script listed.
        visible: CUDA_VISIBLE_DEVICES of the process. torch counts from 0 inside that list.

    Raises:
        EnvironmentFault: The process cannot see the GPU that Spark gave the task.
    """
    if "gpu" not in resources:
        return "cpu"
    address = resources["gpu"].addresses[0]
    listed = None if visible is None else [entry.strip() for entry in visible.split(",")]
    if listed is None and address.isdecimal():
        return f"cuda:{int(address)}"
    if listed is None or address not in listed:
        raise EnvironmentFault(
            f"Spark gave the task GPU {address}, which this process cannot address "
            f"(CUDA_VISIBLE_DEVICES={'unset' if visible is None else visible})",
            where="spark.executor.resource.gpu",
            next_step="make the discovery script print the names in CUDA_VISIBLE_DEVICES, or unset it",
        )
    return f"cuda:{listed.index(address)}"


def use(device: str, threads: int) -> None:
    """Make torch run on `device` with `threads` CPU threads.

    Raises:
        EnvironmentFault: The GPU cannot be used. Falling back to the CPU would give other vectors than the
            GPU's, silently.
    """
    import torch

    torch.set_num_threads(threads)
    if device == "cpu":
        return
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(device.removeprefix("cuda:")) >= count:
        raise EnvironmentFault(
            f"the task was given {device}, but torch sees {count} usable GPU(s) here",
            where="spark.task.resource.gpu.amount",
            next_step="install torch with CUDA on the executors, or submit without GPU resources",
        )


def _load(spec: ModelSpec, device: str) -> Any:
    folder = locate(spec.source, spec.revision)
    if spec.files is not None and files_sha256(folder) != spec.files:
        raise StoredDataError(
            "the model files here differ from the driver's",
            where=f"embedding.model: {spec.source}",
            next_step="install the same model on every machine of the cluster",
        )
    # One task has its own cores; the tokenizer's thread pool would take those of its neighbours.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    model = SentenceTransformer(
        str(folder),
        device=device,
        local_files_only=True,
        trust_remote_code=False,
        model_kwargs={"use_safetensors": True},
    )
    if not callable(getattr(model, "tokenizer", None)):
        raise ConfigError("the model is no transformer with a tokenizer", where=f"embedding.model: {spec.source}")
    if spec.max_seq_length is not None:
        model.max_seq_length = spec.max_seq_length
    if model.max_seq_length is None:
        raise ConfigError("the model states no token limit", where="embedding.max_seq_length", next_step="set one")
    # Checkpoints in half precision are widened: the fingerprint promises float32.
    return model.float()
