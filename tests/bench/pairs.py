"""Measure what pairs of items do to an RQ-VAE and print the table of docs/evaluation.md.

Usage: pairs.py WAREHOUSE INTERACTIONS [--seeds 20 21] [--weights 0.03 0.1 0.3]
INTERACTIONS is a Parquet file of user_id, item_id, position and split; a pair is two items that follow each other.
Pairs inside the split `train` train; those that end in `valid` or `test`, and are no training pair, are judged.
Errors and neighbours are those of a tenth of the contents that never trains; pairs may name them, but then do not
train. Judged pairs are split: both contents trained, or at least one new.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import pandas as pd

from semid.measure import codes as measures
from semid.measure.fit import HELD_OUT
from semid.quantize.pairs import Pairs
from semid.quantize.rqvae_params import RqvaeParams
from semid.quantize.rqvae_train import RqvaeQuantizer
from semid.tables.query import open_reader

SIZES = (256, 256, 256)


@dataclass(frozen=True)
class Shop:
    """Distinct contents (n, d), pairs to train on, pairs to judge by."""

    x: np.ndarray
    train: Pairs
    judge: Pairs


def read_shop(warehouse: str, interactions: str) -> Shop:
    reader = open_reader(warehouse)
    rows = reader.mappings("SELECT content_hash, embedding FROM item_embedding ORDER BY content_hash")
    vectors = {row["content_hash"]: row["embedding"] for row in rows}
    numbers = {content: n for n, content in enumerate(vectors)}
    items = reader.mappings("SELECT item_id, content_hash FROM item_catalog WHERE is_active")
    row_of = {row["item_id"]: numbers[row["content_hash"]] for row in items if row["content_hash"] in numbers}
    return shop(np.array(list(vectors.values()), np.float32), row_of, pd.read_parquet(interactions))


def shop(x: np.ndarray, row_of: dict[str, int], interactions: pd.DataFrame) -> Shop:
    log = interactions.sort_values(["user_id", "position"], kind="stable")
    log = log.assign(b=log.item_id.map(row_of))
    log["a"] = log.groupby("user_id").b.shift()
    log = log.dropna(subset=["a", "b"])
    log = log[log.a != log.b]
    ends = np.sort(log[["a", "b"]].to_numpy().astype(np.int64), axis=1)
    training = (log.split == "train").to_numpy()
    rows, counts = np.unique(ends[training], axis=0, return_counts=True)
    later = np.unique(ends[~training], axis=0)
    known = set(map(tuple, rows.tolist()))
    later = later[[tuple(pair) not in known for pair in later.tolist()]]
    return Shop(x, Pairs(rows, counts.astype(float)), Pairs(later, np.ones(len(later))))


def line(shop: Shop, weight: float, seed: int) -> str:
    x = shop.x
    unseen = np.random.default_rng(0).random(len(x)) < HELD_OUT
    recipe = RqvaeQuantizer(SIZES, RqvaeParams(threads=1, pair_weight=weight or 1))
    if weight:
        recipe = recipe.with_pairs(shop.train.within(~unseen))
    codebook = recipe.fit(x[~unseen], np.random.default_rng(seed))
    codes = codebook.encode(x)
    touched = unseen[shop.judge.rows].any(axis=1)
    known = Pairs(shop.judge.rows[~touched], shop.judge.weight[~touched])
    shares = [known.agreement(codes), shop.judge.touching(unseen).agreement(codes)]
    near = measures.neighbour_preservation(x, codes, asked=np.flatnonzero(unseen))
    error = measures.relative_error(x[unseen], codebook.decode(codes[unseen]))
    cells = [
        *(weight or "none", seed),
        *("/".join(f"{share:.4f}" for share in part) for part in shares),
        f"{error:.4f}",
        "/".join(f"{share:.3f}" for share in near),
        "/".join(str(n) for n in measures.used_codes(codes, SIZES)),
        f"{measures.collision_rate(codes):.4f}",
    ]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("warehouse")
    parser.add_argument("interactions")
    parser.add_argument("--seeds", type=int, nargs="+", default=[20, 21])
    parser.add_argument("--weights", type=float, nargs="+", default=[0.03, 0.1, 0.3])
    flags = parser.parse_args()
    found = read_shop(flags.warehouse, flags.interactions)
    print(f"{len(found.train):,} pairs train, {len(found.judge):,} are judged\n")
    print("| pair_weight | seed | pairs of known contents | of a new one | error | neighbours | used | collision |")
    print("|---|---|---|---|---|---|---|---|")
    for weight in [0.0, *flags.weights]:
        for seed in flags.seeds:
            print(line(found, weight, seed), flush=True)


if __name__ == "__main__":
    main()
