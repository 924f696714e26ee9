"""Pairs in the training of an RQ-VAE (torch): a contrastive loss on what their codes stand for.

InfoNCE (van den Oord, Li, Vinyals, arXiv 1807.03748) with the other pairs of a batch as negatives, on the sum of the
centroids: pairs enter as a loss and never as an input, so that codes stay a function of content alone (as in PLUM,
arXiv 2510.07784).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from semid.quantize.base import Floats
from semid.quantize.pairs import Pairs
from semid.quantize.rqvae_codebooks import Trial
from semid.quantize.rqvae_module import RqvaeModule
from semid.quantize.rqvae_passes import Judge, Passes, Step

PAIR_ROWS = 256
"""Pairs per step, each beside 255 negatives."""
JUDGED = 1024
"""Draws of held-out pairs that choose the checkpoint."""


def with_pairs(step: Step, passes: Passes, pairs: Pairs) -> Step:
    """Return `step` with the loss of a batch of `pairs`, drawn by their weight, added to that of its rows.

    Raises:
        ValueError: There are no pairs.
    """
    if not len(pairs):
        raise ValueError("no pair has both rows among those that train")
    rows, share, params = torch.from_numpy(pairs.rows), pairs.share, passes.params

    def contrasted(batch: Tensor) -> Trial:
        drawn = rows[torch.from_numpy(passes.rng.choice(len(rows), PAIR_ROWS, p=share))]
        loss = pair_loss(passes.module, passes.x, drawn, params.temperature)
        trial = step(batch)
        return trial._replace(losses=trial.losses + params.pair_weight * passes.variance * loss)

    return contrasted


def pair_judge(judge: Judge, passes: Passes, x: Floats, pairs: Pairs) -> Judge:
    """Return `judge` with the loss of draws, by weight, of `pairs`, rows of `x` (n, d), that did not train.

    With no pair to judge by, reconstruction alone chooses the checkpoint.
    """
    if not len(pairs):
        return judge
    drawn = np.random.default_rng(0).choice(len(pairs), JUDGED, p=pairs.share)
    rows, every = torch.from_numpy(pairs.rows[drawn]), torch.from_numpy(x)

    def judged() -> dict[str, float]:
        with torch.no_grad():
            losses = [pair_loss(passes.module, every, p, passes.params.temperature) for p in rows.split(PAIR_ROWS)]
        return {**judge(), "held_out_pairs": passes.params.pair_weight * float(torch.stack(losses).mean())}

    return judged


def pair_loss(module: RqvaeModule, x: Tensor, pairs: Tensor, temperature: float) -> Tensor:
    """Return how badly the first of each of `pairs` (m, 2), rows of `x`, tells its second from the others' seconds.

    Seconds that are the same row as the first or as its own second are no negatives.
    """
    left, right = (functional.normalize(module.quantized(x[side]), dim=1) for side in pairs.T)
    same = (pairs[:, 1, None] == pairs[None, :, 1]) | (pairs[:, 0, None] == pairs[None, :, 1])
    same.fill_diagonal_(False)
    scores = (left @ right.T / temperature).masked_fill(same, -torch.inf)
    return functional.cross_entropy(scores, torch.arange(len(pairs)))
