"""Where a generator computes (torch): on a CPU, or on a GPU of this process's own."""

from __future__ import annotations

import os

import torch
from torch import nn

from semid.errors import EnvironmentFault


def refuse_missing(device: str) -> None:
    """Raise EnvironmentFault when `device`, cpu or cuda, is a GPU and torch sees none that it can use.

    Falling back to the CPU would take days in place of hours, silently.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise EnvironmentFault(
            f"torch {torch.__version__} sees no usable GPU here",
            where="--device cuda",
            next_step="nvidia-smi should list one; else install its driver, or train with --device cpu",
        )


def put(model: nn.Module, device: str) -> None:
    """Move `model` to `device`, cpu or cuda; beside other processes of torchrun, to the GPU of this one's number.

    Raises:
        EnvironmentFault: See `refuse_missing`.
    """
    refuse_missing(device)
    if device == "cuda":
        # cuBLAS adds up in one order only with a workspace of its own, and deterministic algorithms are asked for.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    model.to(device)


def of(model: nn.Module) -> torch.device:
    """Return where `model` is."""
    return next(model.parameters()).device
