"""Which code a row trains with, level by level (torch). Codes are always given out by the nearest centroid.

A choice takes half the squared distances (n, size), up to a constant per row, and returns codes (n,). An assignment
names one choice per level.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Choice = Callable[[Tensor], Tensor]
Assignment = Callable[[int], tuple[Choice, ...]]

SHARPNESS = 0.05
"""Entropy of the transport plan, as a share of the spread of the distances: SwAV's, on cosines."""
ROUNDS = 10
"""Of Sinkhorn: evens out without forcing, 52 of 64 rows on one of two codes become 39, and 32 after 50 rounds."""


def nearest(distances: Tensor) -> Tensor:
    """Return the nearest centroid of each row."""
    return distances.argmin(dim=1)


def balanced(distances: Tensor) -> Tensor:
    """Return for each row its likeliest code in an entropic transport plan on its way to using all codes equally.

    Sinkhorn's iterations: Cuturi, arXiv 1306.0895; on batches, to assign codes: SwAV, arXiv 2006.09882; at the last
    level of item codes: LC-Rec, arXiv 2311.09049.
    """
    rows, size = distances.shape
    apart = distances - distances.min(dim=1, keepdim=True).values
    kernel = torch.exp(-apart / (SHARPNESS * distances.std(correction=0)).clamp_min(1e-12))
    price = torch.ones(size)
    for _ in range(ROUNDS):
        price = (rows / size) / (kernel.T @ (1 / (kernel @ price))).clamp_min(1e-12)
    return (kernel * price).argmax(dim=1)


def all_nearest(levels: int) -> tuple[Choice, ...]:
    """Train with the codes that rows get."""
    return (nearest,) * levels


def all_balanced(levels: int) -> tuple[Choice, ...]:
    """Balance every level."""
    return (balanced,) * levels


def last_balanced(levels: int) -> tuple[Choice, ...]:
    """Balance the last level only, so that prefixes stay clusters."""
    return (nearest,) * (levels - 1) + (balanced,)


ASSIGNMENTS: dict[str, Assignment] = {
    "nearest": all_nearest,
    "sinkhorn": all_balanced,
    "sinkhorn_last": last_balanced,
}
