"""Compare codebooks on the vectors of one warehouse and print the tables of docs/evaluation.md.

Usage: codes.py WAREHOUSE [--kinds rkmeans prq ...] [--seeds 20 21 22] [--contents N]   (of `make bench`)
Every kind and its rivals are fitted on the same nine tenths of the distinct contents and judged on all of them. What draws
nothing from its seed is fitted once. The rivals: faiss (residual quantizer with beams of 1 and 5, product quantizer, OPQ), and
ResidualVQ of vector-quantize-pytorch, which is not among the pinned packages: put it on PYTHONPATH, or leave it out with --kinds.
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
FLAT = (4096,)
COLUMNS = ["codes", "seed", "error, seen", "held out", "used", "perplexity", "collision", "NMI", "neighbours"]
COLUMNS += ["fit, CPU s", "encode, CPU s"]
ASKED = 2_000
"""Contents whose neighbours are looked for, among all; the same ones for every kind."""

EPOCHS, BATCH = 40, 4_096
"""Of ResidualVQ: its moving averages settle within them (docs/evaluation.md)."""

Encode = Callable[[np.ndarray], np.ndarray]
Decode = Callable[[np.ndarray], np.ndarray]
Fit = Callable[[np.ndarray, int], tuple[Encode, Decode]]


@dataclass(frozen=True)
class Catalog:
    """Distinct contents: vectors (n, d), the category path's first three names, and the published codes."""

    x: np.ndarray
    category: np.ndarray
    published: np.ndarray

    @property
    def held_out(self) -> np.ndarray:
        return np.random.default_rng(0).random(len(self.x)) < HELD_OUT


@dataclass(frozen=True)
class Rival:
    """One row of the table: how it is fitted, its codes per level, and whether seeds matter."""

    fit: Fit
    sizes: tuple[int, ...] = SIZES
    seeded: bool = False


def read_catalog(warehouse: str, contents: int | None = None) -> Catalog:
    """Return the catalog, or its first `contents` by content hash."""
    rows = open_reader(warehouse).mappings(
        "SELECT e.content_hash, any_value(e.embedding) AS embedding, min(c.item_id) AS item,"
        " any_value(i.codes) AS codes, arg_min(list_aggregate(c.category[1:3], 'string_agg', '>'), c.item_id) AS category"
        " FROM item_embedding e JOIN item_catalog c USING (content_hash)"
        " JOIN semantic_id_current i ON i.item_id = c.item_id WHERE c.is_active GROUP BY e.content_hash ORDER BY 1"
    )[:contents]
    return Catalog(
        np.array([row["embedding"] for row in rows], np.float32),
        np.array([row["category"] or "" for row in rows]),
        np.array([row["codes"] for row in rows], np.int32),
    )


def semid_fit(kind: str, sizes: tuple[int, ...] = SIZES) -> Fit:
    def fit(x: np.ndarray, seed: int) -> tuple[Encode, Decode]:
        codebook = quantizer(kind, sizes, {}).fit(x, np.random.default_rng(seed))
        return codebook.encode, codebook.decode

    return fit


# faiss packs codes into bits: eight are the only width at which bytes are codes


def faiss_rq(beam: int) -> Fit:
    def fit(x: np.ndarray, seed: int) -> tuple[Encode, Decode]:
        rq = faiss.ResidualQuantizer(x.shape[1], len(SIZES), 8)
        rq.max_beam_size = beam
        rq.cp.seed = seed
        rq.train(x)
        return rq.compute_codes, rq.decode

    return fit


def faiss_pq(x: np.ndarray, seed: int) -> tuple[Encode, Decode]:
    pq = faiss.ProductQuantizer(x.shape[1], len(SIZES), 8)
    pq.cp.seed = seed
    pq.train(x)
    return pq.compute_codes, pq.decode


def faiss_opq(x: np.ndarray, seed: int) -> tuple[Encode, Decode]:
    rotation = faiss.OPQMatrix(x.shape[1], len(SIZES))
    rotation.train(x)
    compute, decode = faiss_pq(rotation.apply(x), seed)
    return lambda y: compute(rotation.apply(y)), lambda codes: rotation.reverse_transform(decode(codes))


def lucidrains(x: np.ndarray, seed: int) -> tuple[Encode, Decode]:
    """Fit ResidualVQ as its README sets it up for clustering: k-means on the first batch, then moving averages."""
    import torch
    from vector_quantize_pytorch import ResidualVQ

    torch.manual_seed(seed)
    model = ResidualVQ(
        dim=x.shape[1],
        num_quantizers=len(SIZES),
        codebook_size=SIZES[0],
        kmeans_init=True,
        kmeans_iters=25,
        threshold_ema_dead_code=2,
    )
    rows = torch.from_numpy(x)
    model.train()
    with torch.no_grad():
        for _ in range(EPOCHS):
            for batch in torch.randperm(len(rows)).split(BATCH):
                model(rows[batch])
    model.eval()

    def encode(y: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(y))[1].numpy()

    def decode(codes: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model.get_output_from_indices(torch.from_numpy(codes)).numpy()

    return encode, decode


RIVALS = {
    "rqvae": Rival(semid_fit("rqvae"), seeded=True),
    "rkmeans": Rival(semid_fit("rkmeans")),
    "prq": Rival(semid_fit("prq")),
    "pq": Rival(semid_fit("pq")),
    "opq": Rival(semid_fit("opq")),
    "vq": Rival(semid_fit("vq", FLAT), FLAT),
    "faiss_rq": Rival(faiss_rq(beam=1), seeded=True),
    "faiss_rq_beam_5": Rival(faiss_rq(beam=5), seeded=True),
    "faiss_pq": Rival(faiss_pq, seeded=True),
    "faiss_opq": Rival(faiss_opq, seeded=True),
    "lucidrains": Rival(lucidrains, seeded=True),
}


def judge(name: str, seed: int, catalog: Catalog) -> None:
    x, rival = catalog.x, RIVALS[name]
    started = time.process_time()
    encode, decode = rival.fit(x[~catalog.held_out], seed)
    fitted = time.process_time()
    packed = encode(x)
    encoded = time.process_time()
    decoded = decode(packed)
    halves = [~catalog.held_out, catalog.held_out]
    errors = [f"{measures.relative_error(x[rows], decoded[rows]):.4f}" for rows in halves]
    seconds = [f"{fitted - started:.1f}", f"{encoded - fitted:.2f}"]
    of_all = of_codes(catalog, packed.astype(np.int32), rival.sizes)
    show([name, str(seed) if rival.seeded else "any", *errors, *of_all, *seconds])


def of_codes(catalog: Catalog, codes: np.ndarray, sizes: tuple[int, ...]) -> list[str]:
    asked = np.sort(np.random.default_rng(0).permutation(len(codes))[:ASKED])
    near = measures.neighbour_preservation(catalog.x, codes, asked=asked)
    return [
        "/".join(str(n) for n in measures.used_codes(codes, sizes)),
        "/".join(f"{p:.0f}" for p in measures.perplexity(codes, sizes)),
        f"{measures.collision_rate(codes):.4f}",
        f"{measures.nmi(codes[:, 0], catalog.category):.3f}",
        "/".join(f"{share:.3f}" for share in near),
    ]


def show(cells: list[str]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warehouse")
    parser.add_argument("--kinds", nargs="+", choices=RIVALS, default=list(RIVALS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[20, 21, 22])
    parser.add_argument("--contents", type=int, help="only so many contents, the first by content hash")
    flags = parser.parse_args()
    catalog = read_catalog(flags.warehouse, flags.contents)
    print(f"{len(catalog.x):,} distinct contents, {catalog.x.shape[1]} wide\n")
    show(COLUMNS)
    show(["---"] * len(COLUMNS))
    show(["as published", "", "", "", *of_codes(catalog, catalog.published, SIZES), "", ""])
    for name in flags.kinds:
        for seed in flags.seeds if RIVALS[name].seeded else flags.seeds[:1]:
            judge(name, seed, catalog)


if __name__ == "__main__":
    main()
