"""How far an adapter carries a new embedding model's vectors back to an old codebook: measured, not promised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semid.measure.churn import churn
from semid.quantize.adapter import Adapter, mean_cosine, procrustes, ridge
from semid.quantize.base import Codebook, Floats


@dataclass(frozen=True)
class Adaptation:
    """What an adapter kept on pairs that it was not fitted on.

    Attributes:
        adapter: The fitted map.
        pairs: Pairs it was measured on.
        cosine: Mean cosine between mapped and old vectors.
        kept_first: Share of items whose first code stayed under the frozen old codebook.
        kept_all: Share of items whose codes all stayed.
    """

    adapter: Adapter
    pairs: int
    cosine: float
    kept_first: float
    kept_all: float


def adaptations(
    new: Floats, old: Floats, codebook: Codebook, rng: np.random.Generator, held_out: float = 0.2
) -> list[Adaptation]:
    """Return what each adapter keeps, Procrustes and ridge, fitted on some pairs and measured on the others.

    Args:
        new: New model's vectors (n, d_new).
        old: Old model's vectors (n, d_old) of the same contents in the same order, sorted by a key.
        codebook: The old model's codebook, frozen.
        rng: Draws the pairs that measure.
        held_out: Their share, in (0, 1).

    Raises:
        ValueError: When the sides do not pair, or one of the two parts is empty.
    """
    if len(new) != len(old):
        raise ValueError(f"{len(new)} new and {len(old)} old vectors are not pairs")
    order = rng.permutation(len(new))
    cut = round(held_out * len(new))
    if not 0 < cut < len(new):
        raise ValueError(f"{len(new)} pairs leave nothing to fit or nothing to measure, with {held_out} held out")
    asked, fitted = np.sort(order[:cut]), np.sort(order[cut:])
    adapters = [fit(new[fitted], old[fitted]) for fit in (procrustes, ridge)]
    return [_measured(adapter, new[asked], old[asked], codebook) for adapter in adapters]


def _measured(adapter: Adapter, new: Floats, old: Floats, codebook: Codebook) -> Adaptation:
    mapped = adapter(new)
    changed = churn(codebook.encode(old), codebook.encode(mapped))
    return Adaptation(adapter, len(new), mean_cosine(mapped, old), 1 - changed[0], 1 - changed[-1])
