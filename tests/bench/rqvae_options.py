"""Compare the ways of training an RQ-VAE on the vectors of warehouses and print the table of docs/evaluation.md.

Usage: rqvae_options.py WAREHOUSE ... [--seeds 20 21 22] [--items 12000] [--options NAME ...]
(warehouses that `make bench` made, each cut down to `--items` contents)
Each way is fitted to nine tenths of the contents with one torch thread. Error, NMI and neighbours are those of the
last tenth, its neighbours looked for among all; use and collision are those of all. Rows are means over the seeds,
with the spread (largest less smallest) of the error. Seconds are of CPU.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semid.measure import codes as measures
from semid.measure.fit import HELD_OUT
from semid.quantize.quantizers import quantizer
from semid.tables.query import open_reader

SIZES = (256, 256, 256)
HEADER = "| catalog | training | error, seen | error, held out | spread | used | perplexity | collision | NMI | neighbours | fit s |"
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "rotation": {"gradient": "rotation"},
    "ema": {"codebooks": "ema"},
    "rotation, ema": {"gradient": "rotation", "codebooks": "ema"},
    "sinkhorn": {"assignment": "sinkhorn"},
    "sinkhorn_last": {"assignment": "sinkhorn_last"},
    "latent 64": {"latent": 64},
    "latent 384": {"latent": 384},
    "hidden 1024": {"hidden": (1024,)},
    "hidden 512, 256": {"hidden": (512, 256)},
    "learning rate 5e-4": {"learning_rate": 5e-4},
    "learning rate 2e-3": {"learning_rate": 2e-3},
    "80 epochs": {"epochs": 80},
    "commitment 1": {"commitment": 1.0},
}


@dataclass(frozen=True)
class Catalog:
    """Distinct contents: vectors (n, d), and the category path's first three names."""

    name: str
    x: np.ndarray
    category: np.ndarray


def read_catalog(warehouse: str, most: int) -> Catalog:
    rows = open_reader(warehouse).mappings(
        "SELECT e.content_hash, any_value(e.embedding) AS embedding,"
        " arg_min(list_aggregate(c.category[1:3], 'string_agg', '>'), c.item_id) AS category"
        " FROM item_embedding e JOIN item_catalog c USING (content_hash) WHERE c.is_active"
        f" GROUP BY e.content_hash ORDER BY md5(e.content_hash) LIMIT {most}"
    )
    rows = sorted(rows, key=lambda row: row["content_hash"])
    x = np.array([row["embedding"] for row in rows], np.float32)
    return Catalog(Path(warehouse).name, x, np.array([row["category"] or "" for row in rows]))


def judged(catalog: Catalog, kind: str, params: Mapping[str, Any], seed: int) -> np.ndarray:
    """Return errors seen and held out, used codes, perplexities, collision, NMI, neighbours, CPU seconds, flat."""
    x = catalog.x
    unseen = np.random.default_rng(0).random(len(x)) < HELD_OUT
    started = time.process_time()
    codebook = quantizer(kind, SIZES, params).fit(x[~unseen], np.random.default_rng(seed))
    seconds = time.process_time() - started
    codes = codebook.encode(x)
    decoded = codebook.decode(codes)
    return np.hstack(
        [
            [measures.relative_error(x[rows], decoded[rows]) for rows in (~unseen, unseen)],
            measures.used_codes(codes, SIZES),
            measures.perplexity(codes, SIZES),
            measures.collision_rate(codes),
            measures.nmi(codes[unseen, 0], catalog.category[unseen]),
            measures.neighbour_preservation(x, codes, asked=np.flatnonzero(unseen)),
            seconds,
        ]
    )


def line(catalog: Catalog, name: str, runs: np.ndarray) -> str:
    m, levels = runs.mean(axis=0), len(SIZES)
    used, spread, near = m[2 : 2 + levels], m[2 + levels : 2 + 2 * levels], m[-1 - levels : -1]
    cells = [
        *(catalog.name, name, f"{m[0]:.4f}", f"{m[1]:.4f}", f"{np.ptp(runs[:, 1]):.4f}"),
        "/".join(f"{n:.0f}" for n in used),
        "/".join(f"{n:.0f}" for n in spread),
        *(f"{m[2 + 2 * levels]:.4f}", f"{m[3 + 2 * levels]:.3f}"),
        "/".join(f"{share:.3f}" for share in near),
        f"{m[-1]:.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def rows(catalog: Catalog, options: list[str], seeds: list[int]) -> Iterator[str]:
    yield line(catalog, "residual k-means", judged(catalog, "rkmeans", {}, 0)[None])
    for name in options:
        params = {**OPTIONS[name], "threads": 1}
        yield line(catalog, name, np.array([judged(catalog, "rqvae", params, seed) for seed in seeds]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("warehouses", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[20, 21, 22])
    parser.add_argument("--items", type=int, default=12000)
    parser.add_argument("--options", nargs="+", choices=OPTIONS, default=list(OPTIONS))
    flags = parser.parse_args()
    print(HEADER + "\n" + "|---" * HEADER.count(" | ") + "|---|")
    for warehouse in flags.warehouses:
        for row in rows(read_catalog(warehouse, flags.items), flags.options, flags.seeds):
            print(row, flush=True)


if __name__ == "__main__":
    main()
