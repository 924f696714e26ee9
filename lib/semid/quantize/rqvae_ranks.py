"""RQ-VAE training in several processes (torch, gloo): each passes over its own files, gradients are averaged.

Synchronous data parallelism: every step, all ranks hold the same parameters and together read `batch_rows` rows, so a
step is that of one process on those rows (Li et al., "PyTorch distributed", VLDB 2020, without its overlap of gradients
and network). Rows are read block by block and never held together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed

from semid.quantize.base import Floats
from semid.quantize.codebook import from_bytes, to_bytes
from semid.quantize.process_group import process_group
from semid.quantize.rqvae import RqvaeCodebook
from semid.quantize.rqvae_module import repeatable
from semid.quantize.rqvae_params import RqvaeParams
from semid.quantize.rqvae_passes import Passes
from semid.quantize.rqvae_train import best_checkpoint, nearest_step, reconstruction_judge
from semid.quantize.shards import Shards


@dataclass(frozen=True)
class RankTask:
    """What every process trains.

    Attributes:
        files: Parquet files of vectors; rank r of n has every n-th from the r-th on.
        start: Bytes of the codebook to start from.
        judged: Held-out vectors (n, d) that choose the checkpoint.
        params: Hyper-parameters.
        seed: Of the order of the rows.
    """

    files: tuple[str, ...]
    start: bytes
    judged: Floats
    params: RqvaeParams
    seed: int


def train_rank(task: RankTask) -> bytes:
    """In a process that torchrun started: train with the others; return the bytes of the best checkpoint.

    Every rank returns the same bytes: all have the same parameters after every step.
    """
    with process_group(), repeatable(1):
        return to_bytes(_trained(task))


def _trained(task: RankTask) -> RqvaeCodebook:
    rank, ranks = distributed.get_rank(), distributed.get_world_size()
    start = from_bytes(task.start)
    assert isinstance(start, RqvaeCodebook), "what RankTask says"
    shards = Shards(task.files[rank::ranks])
    passes = RankPasses(start, shards, task.params, np.random.default_rng([task.seed, rank]))
    judge = reconstruction_judge(passes, task.judged)

    def agreed() -> dict[str, float]:
        # Ranks that judged by themselves could stop at different epochs over a last bit, and wait for ever.
        told: list[Any] = [judge()]
        distributed.broadcast_object_list(told)
        return dict(told[0])

    return best_checkpoint(start, passes, nearest_step(passes), agreed, None)


class RankPasses(Passes):
    """One process's passes over its files, in step with the others.

    Args:
        start: Where the module starts, equal on all ranks.
        shards: This rank's rows; `x` is the block of them that is being read.
        params: Hyper-parameters; `batch_rows` counts the rows of all ranks.
        rng: Orders files and rows, and draws rows for unused codes; another one on each rank.
    """

    def __init__(self, start: RqvaeCodebook, shards: Shards, params: RqvaeParams, rng: np.random.Generator) -> None:
        self.shards, self.ranks = shards, distributed.get_world_size()
        self.rows = max(1, params.batch_rows // self.ranks)
        super().__init__(start, next(shards.blocks(range(len(shards.files)))), params, params.cold, rng)
        least = torch.tensor(shards.rows // self.rows)
        distributed.all_reduce(least, distributed.ReduceOp.MIN)
        self.steps = max(1, int(least))
        total = torch.tensor([self.variance])
        distributed.broadcast(total, 0)
        self.variance = float(total)

    def batches(self) -> Iterator[Tensor]:
        """Yield the rows of `x` of every step; all ranks take equally many steps."""
        left = self.steps
        for block in self.shards.blocks(self.rng.permutation(len(self.shards.files))):
            self.x = torch.from_numpy(block)
            for rows in torch.from_numpy(self.rng.permutation(len(block))).split(self.rows)[:left]:
                left -= 1
                yield rows

    def backward(self, loss: Tensor) -> None:
        """Give every parameter the mean of the ranks' gradients, in one message."""
        super().backward(loss)
        gradients = [p.grad for p in self.module.parameters() if p.grad is not None]
        together = torch.cat([gradient.reshape(-1) for gradient in gradients])
        distributed.all_reduce(together)
        parts = (together / self.ranks).split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def revive(self, used: list[Tensor]) -> None:
        """Move the codes that no rank has used, to where rank 0 puts them."""
        for count in used:
            distributed.all_reduce(count)
        super().revive(used)
        for centroids in self.module.centroids:
            distributed.broadcast(centroids.data, 0)
