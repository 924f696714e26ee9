"""Retrain again and again while a catalog grows by 4 % each time: the last table of docs/stability.md.

Usage: OMP_NUM_THREADS=1 retrainings.py WAREHOUSE [--steps 5] [--seeds 20] [--items 12000] [--sizes 256 256 256]
A tenth of the contents is never trained on. Churn is that of a step, over contents that had an ID before it; errors are
over the variance, with the codes that contents really get: of all contents of the step, and of those never trained on.
"""

from __future__ import annotations

import argparse

import numpy as np
from stability import PARAMS, TOLERANCE, read_catalog

from semid.measure.churn import churn
from semid.quantize.base import Codebook, quantization_error
from semid.quantize.hysteresis import keep_codes
from semid.quantize.quantizers import quantizer


def fit(kind: str, x: np.ndarray, sizes: tuple[int, ...], seed: int, before: Codebook | None) -> Codebook:
    return quantizer(kind, sizes, PARAMS.get(kind, {})).fit(x, np.random.default_rng(seed), before)


def error(codebook: Codebook, x: np.ndarray, codes: np.ndarray) -> float:
    return float(quantization_error(x, codebook.decode(codes)).mean() / x.var(axis=0).sum())


def show(step: object, moved: list[float], seen: float, unseen: float) -> None:
    cells = [f"{share:.2%}" for share in moved] or ["-"] * 3
    print(f"| {step} | {' | '.join(cells)} | {seen:.4f} | {unseen:.4f} |", flush=True)


def run(kind: str, x: np.ndarray, sizes: tuple[int, ...], seed: int, steps: int) -> None:
    order = np.random.default_rng(seed).permutation(len(x))
    unseen, x = x[order[: len(x) // 10]], x[order[len(x) // 10 :]]
    sizes_of_step = [int(len(x) * 1.04**step / 1.04**steps) for step in range(steps + 1)]
    before = codebook = fit(kind, x[: sizes_of_step[0]], sizes, seed, None)
    codes = codebook.encode(x[: sizes_of_step[0]])
    print(f"\n`{kind}`, seed {seed}\n\n| step | d1 | d2 | d3 | error | unseen |\n|---|---|---|---|---|---|")
    show(0, [], error(codebook, x[: len(codes)], codes), error(codebook, unseen, codebook.encode(unseen)))
    for step, rows in enumerate(sizes_of_step[1:], 1):
        codebook = fit(kind, x[:rows], sizes, seed + step, before)
        old = np.full((rows, len(sizes)), -1, np.int32)
        old[: len(codes)] = codes
        kept = keep_codes(x[:rows], codebook, old, TOLERANCE).codes
        moved = [float(share) for share in churn(codes, kept[: len(codes)])]
        show(step, moved, error(codebook, x[:rows], kept), error(codebook, unseen, codebook.encode(unseen)))
        before, codes = codebook, kept
    cold = fit(kind, x, sizes, seed + 100, None)
    show("cold refit", [], error(cold, x, cold.encode(x)), error(cold, unseen, cold.encode(unseen)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("warehouse")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[20])
    parser.add_argument("--items", type=int, default=12_000)
    parser.add_argument("--kinds", nargs="+", default=["rkmeans", "rqvae"])
    parser.add_argument("--sizes", type=int, nargs=3, default=[256, 256, 256])
    flags = parser.parse_args()
    catalog = read_catalog(flags.warehouse, flags.items)
    print(f"## {catalog.name}: {len(catalog.x):,} distinct contents")
    for kind in flags.kinds:
        for seed in flags.seeds:
            run(kind, catalog.x, tuple(flags.sizes), seed, flags.steps)


if __name__ == "__main__":
    main()
