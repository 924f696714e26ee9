"""Whether items near each other still share codes, as they did among the training contents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semid.measure.codes import neighbour_preservation
from semid.measure.gate import Check, NeighbourLimits, falling
from semid.quantize.base import Codes, Floats

K = 10
SAMPLE = 2_000
"""Contents that neighbours are looked for among: how near a neighbour is depends on how many there are."""


@dataclass(frozen=True, eq=False)
class CodedSample:
    """Contents with vectors and codes.

    Attributes:
        x: Vectors (n, d).
        codes: Codes (n, levels).
        arrived: Which of them (n,) new or edited items have tonight.
        published: Which of them (n,) published items have, as far as they are in `among`.
        among: Which of them (n,) are a fair sample of the whole table; the others are further arrivals.
    """

    x: Floats
    codes: Codes
    arrived: NDArray[np.bool_]
    published: NDArray[np.bool_]
    among: NDArray[np.bool_]


def of_training(x: Floats, codes: Codes) -> dict[str, Any]:
    """Return what a codebook's metrics record: `neighbours`, one share per depth, over a sample of `x` (n, d)."""
    if len(x) <= K:
        return {}
    rows = np.random.default_rng(0).permutation(len(x))[:SAMPLE]
    return {"neighbours": [round(share, 6) for share in neighbour_preservation(x[rows], codes[rows], K)]}


def compare_neighbours(sample: CodedSample, metrics: Mapping[str, Any], limits: NeighbourLimits) -> Iterator[Check]:
    """Yield one check per cohort and depth: the share of nearest neighbours with equal leading codes.

    Args:
        sample: Of the table as it would be after publication.
        metrics: The codebook's, with what `of_training` returned.
        limits: As shares of the reference; a depth whose reference is small is only reported.
    """
    for cohort, asked in (("arrivals", sample.arrived), ("table", sample.among)):
        rows = np.flatnonzero(asked)
        # Without K others there is nothing to ask; the contracts say so when that is an error.
        if len(rows) == 0 or sample.among.sum() <= K:
            continue
        shares = neighbour_preservation(sample.x, sample.codes, K, rows, sample.among)
        enough = min(len(rows) * K, int(sample.among.sum())) >= limits.min_rows
        for depth, share in enumerate(shares, 1):
            yield _judged(cohort, depth, share, enough, metrics, limits)


def _judged(
    cohort: str, depth: int, share: float, enough: bool, metrics: Mapping[str, Any], limits: NeighbourLimits
) -> Check:
    name, shares = "neighbour_preservation", metrics.get("neighbours") or []
    if not enough:
        note = f"not judged: fewer than {limits.min_rows} contents, or arrivals' neighbours"
        return Check(cohort, name, share, "info", depth, note=note)
    if depth > len(shares):
        note = "the codebook's metrics have no neighbours of this depth (missing evidence)"
        return Check(cohort, name, share, "block", depth, note=note)
    base = float(shares[depth - 1])
    note = f"share of the {K} nearest with equal codes to this depth; reference: the codebook's training contents"
    if base < limits.min_reference:
        return Check(cohort, name, share, "info", depth, base, note=note)
    warn, block = limits.warn * base, limits.block * base
    return Check(cohort, name, share, falling(share, warn, block), depth, base, warn, block, note)
