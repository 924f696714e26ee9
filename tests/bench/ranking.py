"""Compare features of items in one small ranking model and print the tables of docs/ranking.md.

Usage: python -m tests.bench.ranking WAREHOUSE INTERACTIONS [--cold 0.1] [--epochs 10] [--seeds 0]
INTERACTIONS is a Parquet file of user_id, item_id and position. A share of the test targets is cold: in no history and no
training row. Every model sees the same rows; test rows are the last items of users, each also shown in vain to two
other users, so that a slice of items has as many clicks per row as any other. AUC and log-loss (nats) with 95 %
intervals, all rows, head, mid, tail and cold ones by training traffic; then each feature less hashed ids, paired.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from semid.downstream.bags import Bags, hashed_ids, raw_ids, side_by_side
from semid.downstream.ngrams import ngrams, prefix_ngrams
from semid.downstream.other_ids import lsh_ids, random_ids
from semid.downstream.pieces import fit_pieces
from semid.downstream.ranker import RankerParams, against_shuffled, every_step, fit_ranker
from semid.downstream.sequences import Split
from semid.measure.ranking import Estimate, auc, auc_difference, log_loss, mean
from semid.measure.retrieval import slices_of
from tests.shop import Shop, read_shop, unseen_items, without

RIVAL = "hashed ids"
SMALL = 4_096
"""Rows of the small tables; large ones have four times as many."""


def features(shop: Shop, split: Split, seed: int) -> dict[str, Bags]:
    codes, sizes, trained = shop.codes, shop.sizes, shop.trained(split)
    rng = np.random.default_rng(seed)
    hashed, single = hashed_ids(shop.item_ids, SMALL), ngrams(codes, sizes, 1, max(sizes))
    small, large = (fit_pieces(codes, sizes, rows, trained).bags(codes) for rows in (SMALL, 4 * SMALL))
    return {
        "raw ids": raw_ids(shop.items),
        RIVAL: hashed,
        "codes": single,
        "2-grams": ngrams(codes, sizes, 2, max(sizes) ** 2),
        "prefix n-grams": prefix_ngrams(codes, sizes, SMALL // 2),
        "prefix n-grams, large": prefix_ngrams(codes, sizes, 4 * SMALL),
        "pieces": small,
        "pieces, large": large,
        "codes + hashed ids": side_by_side([single, hashed]),
        "codes of LSH IDs": ngrams(lsh_ids(shop.x, sizes, rng), sizes, 1, max(sizes)),
        "codes of random IDs": ngrams(random_ids(shop.items, sizes, rng), sizes, 1, max(sizes)),
    }


def cell(found: Estimate) -> str:
    return f"{found.value:.4f} ± {(found.high - found.low) / 2:.4f}"


def show(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def compare(shop: Shop, split: Split, params: RankerParams, seed: int) -> None:
    rng = np.random.default_rng(seed)
    clicks = every_step(split.train, params.length)
    judge, test = (
        against_shuffled(part.histories.padded(params.length), part.targets, params.negatives, rng)
        for part in (split.valid, split.test)
    )
    slices = slices_of(test.item, shop.trained(split))
    logits = {}
    show(
        f"features, seed {seed}",
        "rows",
        "look-ups",
        *(f"AUC, {part}" for part in slices),
        "log-loss",
        "…, cold",
        "CPU s",
    )
    show(*["---"] * (6 + len(slices)))
    for name, bags in features(shop, split, seed).items():
        started = time.process_time()
        model = fit_ranker(bags, clicks, judge, np.random.default_rng(seed), params, progress)
        logits[name] = model.logits(test)
        areas = [cell(auc(logits[name][here], test.clicked[here])) for here in slices.values()]
        losses = log_loss(logits[name], test.clicked)
        both = [cell(mean(losses)), cell(mean(losses[slices["cold"]]))]
        show(name, f"{bags.rows:,}", f"{bags.mean_width:.2f}", *areas, *both, f"{time.process_time() - started:.0f}")
    print()
    show(f"less {RIVAL}", *(f"AUC, {part}" for part in slices), *(f"log-loss, {part}" for part in slices))
    show(*["---"] * (1 + 2 * len(slices)))
    theirs = logits[RIVAL]
    for name, ours in logits.items():
        if name != RIVAL:
            gain = log_loss(ours, test.clicked) - log_loss(theirs, test.clicked)
            parts = slices.values()
            areas = [cell(auc_difference(ours[part], theirs[part], test.clicked[part])) for part in parts]
            show(name, *areas, *(cell(mean(gain[part])) for part in parts))
    print()


def progress(epoch: int, metrics: object) -> None:
    print(epoch, metrics, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warehouse")
    parser.add_argument("interactions")
    parser.add_argument("--cold", type=float, default=0.1, help="share of the test's items that training does not see")
    parser.add_argument("--epochs", type=int, default=RankerParams.epochs)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    flags = parser.parse_args()
    shop = read_shop(flags.warehouse, flags.interactions)
    for seed in flags.seeds:
        cold = unseen_items(shop, flags.cold, seed)
        split = without(shop.split, cold)
        print(
            f"{int(cold.sum())} cold items, {len(split.train.items):,} training events, {len(split.test.targets):,} users\n"
        )
        compare(shop, split, RankerParams(epochs=flags.epochs), seed)


if __name__ == "__main__":
    main()
