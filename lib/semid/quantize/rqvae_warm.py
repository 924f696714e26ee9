"""Warm start of an RQ-VAE (torch): a few passes over old and new rows, anchored to the codes that rows have.

Each row's loss is (1 - anchor) times that of the codes nearest to it plus `anchor` times that of its old codes (those
that the old codebook gives it), so that networks and centroids learn to serve the IDs that are out there. TODO numbers
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from semid.quantize.rqvae import RqvaeCodebook
from semid.quantize.rqvae_module import RqvaeModule
from semid.quantize.rqvae_passes import Passes, RqvaeParams, Step


def anchored_step(passes: Passes, start: RqvaeCodebook) -> Step:
    """Return the step of a warm start: losses anchored to the codes that `start` gives the rows.

    A code counts as used, and stays where it is, while a row has it as its nearest or as its old code.
    """
    old = torch.from_numpy(start.encode(passes.x.numpy()).astype(np.int64))

    def step(rows: Tensor) -> tuple[Tensor, Tensor]:
        return anchored(passes.module, passes.x[rows], old[rows], passes.params)

    return step


def anchored(module: RqvaeModule, x: Tensor, old: Tensor, params: RqvaeParams) -> tuple[Tensor, Tensor]:
    """Return the losses (n,) of rows `x` (n, d) with `old` codes (n, levels), and the codes in use."""
    latent = module.encoder(x)
    nearest = module.nearest(latent)
    losses = module.losses(x, latent, nearest, params.commitment)
    moved = torch.nonzero((nearest != old).any(dim=1)).flatten()  # for the others both losses are the same
    pull = module.losses(x[moved], latent[moved], old[moved], params.commitment) - losses[moved]
    return losses.index_add(0, moved, params.anchor * pull), torch.cat([nearest, old])
