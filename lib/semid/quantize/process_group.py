"""The processes that train together (torch)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from torch import distributed

from semid.quantize.interface import interface_towards


@contextmanager
def process_group(device: str = "cpu") -> Iterator[tuple[int, int]]:
    """In a process that torchrun started: join the others; give this one's rank and their number.

    Args:
        device: What they train on, cpu or cuda. Gradients on GPUs go through nccl, everything else through gloo.
    """
    # Left to itself gloo listens where the machine's own name leads, which on many is 127.0.1.1: nobody finds it there.
    interface = interface_towards(os.environ["MASTER_ADDR"])
    if interface is not None:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
    distributed.init_process_group("gloo" if device == "cpu" else "cpu:gloo,cuda:nccl")
    try:
        yield distributed.get_rank(), distributed.get_world_size()
    finally:
        distributed.destroy_process_group()
