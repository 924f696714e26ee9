"""Use the codebook of one catalog on another: a table of docs/evaluation.md.

Usage: transfer.py FROM_WAREHOUSE TO_WAREHOUSE [--kinds rkmeans rqvae] [--contents 12000]
Both warehouses hold vectors of one embedding model. Codebooks of 3 x 256 (or as large as the smaller catalog allows) are
fitted to nine tenths of each; errors are those of the other catalog's held-out tenth, over its variance.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from codes import Catalog, read_catalog

from semid.measure import codes as measures
from semid.quantize.base import Codebook
from semid.quantize.quantizers import quantizer

ASKED = 2_000


def fit(kind: str, catalog: Catalog) -> Codebook:
    x = catalog.x[~catalog.held_out]
    return quantizer(kind, (256, 256, 256), {}).fit(x, np.random.default_rng(20))


def show(name: str, codebook: Codebook, catalog: Catalog) -> None:
    x = catalog.x
    codes = codebook.encode(x)
    error = measures.relative_error(x[catalog.held_out], codebook.decode(codes[catalog.held_out]))
    asked = np.random.default_rng(0).permutation(len(x))[:ASKED]
    used = "/".join(str(n) for n in measures.used_codes(codes, codebook.sizes))
    even = "/".join(f"{n:.0f}" for n in measures.perplexity(codes, codebook.sizes))
    near = "/".join(f"{n:.3f}" for n in measures.neighbour_preservation(x, codes, asked=asked))
    print(f"| {name} | {error:.4f} | {used} | {even} | {measures.collision_rate(codes):.4f} | {near} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--kinds", nargs="+", default=["rkmeans", "rqvae"])
    parser.add_argument("--contents", type=int, default=12_000)
    flags = parser.parse_args()
    source, target = (read_catalog(name, flags.contents) for name in (flags.source, flags.target))
    print(f"{Path(flags.source).name} ({len(source.x):,}) on {Path(flags.target).name} ({len(target.x):,} contents)\n")
    print("| codebook | held-out error | used | perplexity | collision | neighbours |\n|---|---|---|---|---|---|")
    for kind in flags.kinds:
        show(f"`{kind}`, its own", fit(kind, target), target)
        show(f"`{kind}`, the other's", fit(kind, source), target)


if __name__ == "__main__":
    main()
