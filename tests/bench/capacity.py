"""What a capacity of one content per ID does to the codes: a table of docs/evaluation.md.

Usage: capacity.py WAREHOUSE [--levels 3 4]      (of `make bench`)
The whole catalog arrives at once, as in a first night; the last codes are settled by the function that the night calls.
"""

from __future__ import annotations

import argparse

import numpy as np
from codes import ASKED, read_catalog

from semid.measure import codes as measures
from semid.quantize.base import Codebook
from semid.quantize.capacity import last_errors, within_capacity
from semid.quantize.quantizers import quantizer


def settled(x: np.ndarray, codebook: Codebook, capacity: int) -> np.ndarray:
    """Return the codes (n, levels) with at most `capacity` rows of `x` (n, d) each, where there is room."""
    codes = codebook.encode(x)
    prefixes, group = np.unique(codes[:, :-1], axis=0, return_inverse=True)
    for number in np.flatnonzero(np.bincount(group.ravel()) > capacity):
        rows = np.flatnonzero(group.ravel() == number)
        errors = last_errors(x[rows], codebook, prefixes[number])
        nobody = np.zeros(codebook.sizes[-1], np.int64)
        codes[rows, -1] = within_capacity(errors, codes[rows, -1], np.zeros(len(rows), np.int64), nobody, capacity)
    return codes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("warehouse")
    parser.add_argument("--levels", type=int, nargs="+", default=[3, 4])
    parser.add_argument("--kinds", nargs="+", default=["rkmeans", "rqvae"])
    flags = parser.parse_args()
    catalog = read_catalog(flags.warehouse)
    x = catalog.x
    asked = np.random.default_rng(0).permutation(len(x))[:ASKED]
    print("| codes | capacity | collision | moved | error | neighbours |\n|---|---|---|---|---|---|")
    for kind in flags.kinds:
        for levels in flags.levels:
            recipe = quantizer(kind, (256,) * levels, {})
            codebook = recipe.fit(x[~catalog.held_out], np.random.default_rng(20))
            best = codebook.encode(x)
            for name, codes in (("none", best), ("1", settled(x, codebook, 1))):
                error = measures.relative_error(x, codebook.decode(codes))
                near = "/".join(f"{n:.3f}" for n in measures.neighbour_preservation(x, codes, asked=asked))
                moved, collided = (codes != best).any(axis=1).mean(), measures.collision_rate(codes)
                row = f"| `{kind}`, {levels} levels | {name} | {collided:.4f} | {moved:.4f} | {error:.4f} | {near} |"
                print(row, flush=True)


if __name__ == "__main__":
    main()
