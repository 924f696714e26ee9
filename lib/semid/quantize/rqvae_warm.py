"""Warm start of an RQ-VAE (torch): a few passes over old and new rows, anchored to the codes that rows have.

Each row's loss is (1 - anchor) times that of the codes nearest to it plus `anchor` times that of its old codes (those
that the old codebook gives it), so that networks and centroids learn to serve the IDs that are out there. TODO numbers
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from semid.quantize.base import Floats, Progress
from semid.quantize.rqvae import RqvaeCodebook
from semid.quantize.rqvae_module import RqvaeModule
from semid.quantize.rqvae_passes import Passes, RqvaeParams


def refined(
    start: RqvaeCodebook, x: Floats, params: RqvaeParams, rng: np.random.Generator, progress: Progress | None = None
) -> RqvaeCodebook:
    """Return `start` after `params.warm_epochs` passes over all rows of `x` (n, d).

    No rows are held out to choose a checkpoint: most of them have trained `start`, so their error would say stop
    at once. A code is alive, and stays where it is, while a row has it as its nearest or as its old code.
    """
    passes = Passes(start, x, params, params.warm_epochs, rng)
    old = torch.from_numpy(start.encode(x).astype(np.int64))

    def step(rows: Tensor) -> tuple[Tensor, Tensor]:
        return anchored(passes.module, passes.x[rows], old[rows], params)

    for epoch in range(1, params.warm_epochs + 1):
        loss = passes.epoch(step)
        if progress:
            progress(epoch, {"loss": loss})
    return passes.module.frozen()


def anchored(module: RqvaeModule, x: Tensor, old: Tensor, params: RqvaeParams) -> tuple[Tensor, Tensor]:
    """Return the losses (n,) of rows `x` (n, d) with `old` codes (n, levels), and the codes in use."""
    latent = module.encoder(x)
    nearest = module.nearest(latent)
    losses = module.losses(x, latent, nearest, params.commitment)
    moved = torch.nonzero((nearest != old).any(dim=1)).flatten()  # for the others both losses are the same
    pull = module.losses(x[moved], latent[moved], old[moved], params.commitment) - losses[moved]
    return losses.index_add(0, moved, params.anchor * pull), torch.cat([nearest, old])
