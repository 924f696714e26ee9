"""Compare codebooks on the vectors of one warehouse and print the table of docs/evaluation.md.

Usage: codes.py WAREHOUSE [--seeds 20 21 22]      (a warehouse that `make bench` made)
Every kind is fitted as the nightly run fits it (a tenth of the distinct contents held out) and judged on all of
them; faiss' residual quantizer (beam 1) is fitted on the same rows.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import faiss
import numpy as np

from semid.measure import codes as measures
from semid.measure.fit import HELD_OUT
from semid.quantize.quantizers import quantizer
from semid.tables.query import open_reader

SIZES = (256, 256, 256)
Encoder = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Catalog:
    """Distinct contents: vectors (n, d), the category path's first three names, and the published codes."""

    x: np.ndarray
    category: np.ndarray
    published: np.ndarray


def read_catalog(warehouse: str) -> Catalog:
    rows = open_reader(warehouse).mappings(
        "SELECT e.content_hash, any_value(e.embedding) AS embedding, min(c.item_id) AS item,"
        " any_value(i.codes) AS codes, arg_min(list_aggregate(c.category[1:3], 'string_agg', '>'), c.item_id) AS category"
        " FROM item_embedding e JOIN item_catalog c USING (content_hash)"
        " JOIN semantic_id_current i ON i.item_id = c.item_id WHERE c.is_active GROUP BY e.content_hash ORDER BY 1"
    )
    return Catalog(
        np.array([row["embedding"] for row in rows], np.float32),
        np.array([row["category"] or "" for row in rows]),
        np.array([row["codes"] for row in rows], np.int32),
    )


def semid_fit(kind: str, x: np.ndarray, seed: int) -> Encoder:
    codebook = quantizer(kind, SIZES, {}).fit(x, np.random.default_rng(seed))
    return lambda y: ((codes := codebook.encode(y)), codebook.decode(codes))


def faiss_fit(x: np.ndarray, seed: int) -> Encoder:
    rq = faiss.ResidualQuantizer(x.shape[1], len(SIZES), 8)
    rq.max_beam_size = 1
    rq.cp.seed = seed
    rq.train(x)

    def encode(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        packed = rq.compute_codes(y)  # eight bits a code: the only width at which bytes are codes
        return packed.astype(np.int32), rq.decode(packed)

    return encode


def judge(name: str, seed: int, catalog: Catalog, fit: Callable[[np.ndarray, int], Encoder]) -> None:
    x = catalog.x
    held_out = np.random.default_rng(0).random(len(x)) < HELD_OUT
    started = time.monotonic()
    encode = fit(x[~held_out], seed)
    seconds = time.monotonic() - started
    codes, decoded = encode(x)
    show(name, seed, catalog, codes, (decoded, held_out, seconds))


def show(name: str, seed: int, catalog: Catalog, codes: np.ndarray, fitted: tuple | None) -> None:
    decoded, held_out, seconds = fitted if fitted else (None, None, None)
    errors = [
        "-" if decoded is None else f"{measures.relative_error(catalog.x[rows], decoded[rows]):.4f}"
        for rows in ([~held_out, held_out] if held_out is not None else [None, None])
    ]
    sizes = tuple(SIZES)
    used = "/".join(str(n) for n in measures.used_codes(codes, sizes))
    spread = "/".join(f"{p:.0f}" for p in measures.perplexity(codes, sizes))
    near = "/".join(f"{s:.3f}" for s in measures.neighbour_preservation(catalog.x, codes))
    agreement = measures.nmi(codes[:, 0], catalog.category)
    cells = [name, seed, *errors, used, spread, f"{measures.collision_rate(codes):.4f}", f"{agreement:.3f}", near]
    print("| " + " | ".join(str(cell) for cell in [*cells, "-" if seconds is None else f"{seconds:.1f}"]) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("warehouse")
    parser.add_argument("--seeds", type=int, nargs="+", default=[20, 21, 22])
    flags = parser.parse_args()
    catalog = read_catalog(flags.warehouse)
    print(f"{len(catalog.x):,} distinct contents, {catalog.x.shape[1]} wide\n")
    print("| codes | seed | error, seen | error, held out | used | perplexity | collision | NMI | neighbours | fit s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    show("as published", 20, catalog, catalog.published, None)
    for seed in flags.seeds:
        judge("rqvae", seed, catalog, lambda x, s: semid_fit("rqvae", x, s))
        judge("rkmeans", seed, catalog, lambda x, s: semid_fit("rkmeans", x, s))
        judge("faiss RQ", seed, catalog, faiss_fit)


if __name__ == "__main__":
    main()
