"""Judge recommenders that need no codes, and cold items found by prefix; prints the tables of docs/cold_start.md.

Usage: python -m tests.bench.baselines WAREHOUSE INTERACTIONS [--seeds 0] [--epochs 40] [--negatives 1000] [--cold 0.05]
       [--only retrieval|cold]
INTERACTIONS is a Parquet file of user_id, item_id and position. Leave-one-out, ranked among the whole catalog without what
the user has taken (on Beauty nobody takes an item twice). Choices (the item-kNN's decay, SASRec's epoch) are made on
validation. Recall and NDCG at 5 and 10 with 95 % bootstrap intervals over users; recall at 10 by training traffic of the
target; differences to SASRec's first seed, paired. Cold: a share of the test targets in no history and no training row; the
IDs of the item-kNN's items stand for generated ones, in its order, with or without those of the user's last items first.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from semid.downstream.coldstart import Catalog, semantic_knn, with_cold_items
from semid.downstream.item_knn import ItemKnn, fit_item_knn
from semid.downstream.popularity import most_popular
from semid.downstream.sasrec import Sasrec, SasrecParams, fit_sasrec
from semid.downstream.sequences import Examples, Split
from semid.measure.retrieval import Values, differences, hits_of, per_user, retrieval_measures, slices_of
from tests.shop import Shop, read_shop, unseen_items, without

K = 10
READ = 50
"""Last items of a history that are read."""
JUDGED = 3_000
"""Users of validation that choose SASRec's epoch."""
DECAYS = (1.0, 0.9, 0.8, 0.7, 0.6)
SHARES = (0.1, 0.2, 0.3, 1.0)
LAST = 3
"""Last items of a history whose own IDs stand first among the generated ones."""
Lists = Callable[[np.ndarray], np.ndarray]


def asked(part: Examples) -> np.ndarray:
    return part.histories.padded(READ)


def values_of(ranked: np.ndarray, part: Examples) -> dict[str, Values]:
    return per_user(hits_of(ranked, part.targets))


def ndcg(lists: Lists, part: Examples) -> float:
    return float(values_of(lists(asked(part)), part)["ndcg_10"].mean())


def best_knn(shop: Shop, split: Split) -> ItemKnn:
    """The decay that is best on validation; the cosines are the same."""
    found = fit_item_knn(split.train.padded(int(split.train.lengths.max())), shop.items)
    valid = some(split.valid)
    return max(
        (ItemKnn(found.similarity, decay) for decay in DECAYS),
        key=lambda knn: ndcg(lambda histories: knn.recommend(histories, K), valid),
    )


def sasrec(shop: Shop, split: Split, params: SasrecParams, seed: int) -> Sasrec:
    valid = some(split.valid)

    def judge(model: Sasrec) -> float:
        return ndcg(lambda histories: model.recommend(histories, K), valid)

    histories = split.train.padded(params.length + 1)
    return fit_sasrec(histories, shop.items, judge, np.random.default_rng(seed), params, progress)


def some(part: Examples) -> Examples:
    rows = np.sort(np.random.default_rng(0).permutation(len(part.targets))[:JUDGED])
    return Examples(part.histories.of(rows), part.targets[rows])


def retrieval(shop: Shop, params: SasrecParams, seeds: list[int]) -> None:
    split, found = shop.split, {}
    histories, slices = asked(split.test), slices_of(split.test.targets, shop.trained(split))
    show("recommender", *values_of(np.arange(K)[None], Examples(split.test.histories, np.zeros(1, int))), "CPU s")
    show(*["---"] * 7)

    def judged(name: str, lists: Lists) -> None:
        found[name] = values_of(lists(histories), split.test)
        cells = means(found[name], {"all": slices["all"]})
        show(name, *cells, f"{time.process_time() - started:.0f}")

    started = time.process_time()
    judged("popularity", lambda rows: most_popular(shop.trained(split), rows, K))
    started = time.process_time()
    knn = best_knn(shop, split)
    judged(f"item-kNN, decay {knn.decay}", lambda rows: knn.recommend(rows, K))
    for seed in seeds:
        started = time.process_time()
        judged(f"SASRec, seed {seed}", partial(sasrec(shop, split, params, seed).recommend, k=K))
    print()
    by_traffic(found, slices)
    rival = f"SASRec, seed {seeds[0]}"
    for name, ours in found.items():
        if name != rival:
            show(f"{name} less {rival}", *means(differences(ours, found[rival]), {"all": slices["all"]}))


def by_traffic(found: dict[str, dict[str, Values]], slices: dict[str, np.ndarray]) -> None:
    show("recall_10", *(f"{part} ({int(users.sum()):,})" for part, users in slices.items()))
    show(*["---"] * (1 + len(slices)))
    for name, values in found.items():
        show(name, *means({"recall_10": values["recall_10"]}, {k: v for k, v in slices.items() if v.any()}))
    print()


def cold(shop: Shop, share: float, seed: int) -> None:
    fresh = unseen_items(shop, share, seed)
    split = without(shop.split, fresh)
    histories, on_cold = asked(split.test), fresh[split.test.targets]
    slices = {"cold": on_cold, "warm": ~on_cold}
    knn = best_knn(shop, split)
    ids = np.column_stack([shop.codes, shop.dedup_index])
    generated = ids[knn.recommend(histories, 2 * K)]
    print(f"{int(fresh.sum())} cold items, wanted by {int(on_cold.sum()):,} of {len(on_cold):,} users\n")
    show("lists", "recall_10, cold", "recall_10, warm", "cold items in a list", "cold, less semantic kNN")
    show(*["---"] * 5)
    rival = values_of(semantic_knn(shop.x, histories, K), split.test)
    told = partial(cold_row, fresh=fresh, slices=slices, test=split.test, rival=rival)
    for last in (1, 3):
        told(f"semantic kNN of the last {last}", semantic_knn(shop.x, histories, K, last))
    newest = ids[histories[:, : -LAST - 1 : -1]]
    newest[histories[:, : -LAST - 1 : -1] < 0] = -1
    for name, beams in (("item-kNN", generated), ("own, then item-kNN", np.concatenate([newest, generated], axis=1))):
        for depth in (3, 2):
            for epsilon in SHARES:
                ranked = with_cold_items(beams, Catalog(ids, fresh), histories, K, epsilon, depth)
                told(f"{name}: {depth} codes, epsilon {epsilon}", ranked)


def cold_row(
    name: str,
    ranked: np.ndarray,
    fresh: np.ndarray,
    slices: dict[str, np.ndarray],
    test: Examples,
    rival: dict[str, Values],
) -> None:
    found = values_of(ranked, test)
    per_list = (fresh[ranked] & (ranked >= 0)).sum(axis=1).mean()
    (gain,) = means({"recall_10": differences(found, rival)["recall_10"]}, {"cold": slices["cold"]})
    show(name, *means({"recall_10": found["recall_10"]}, slices), f"{per_list:.2f}", gain)


def means(values: dict[str, Values], slices: dict[str, np.ndarray]) -> list[str]:
    found = [m for m in retrieval_measures(values, slices, np.random.default_rng(0)) if m.metric != "users"]
    return [f"{m.value:.4f} ({m.low:.4f}-{m.high:.4f})" for m in found]


def show(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def progress(epoch: int, metrics: object) -> None:
    print(epoch, metrics, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warehouse")
    parser.add_argument("interactions")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--negatives", type=int, default=SasrecParams.negatives)
    parser.add_argument("--dropout", type=float, default=SasrecParams.dropout)
    parser.add_argument("--cold", type=float, default=0.05, help="share of the test's items that training does not see")
    parser.add_argument("--only", choices=["retrieval", "cold"])
    flags = parser.parse_args()
    shop = read_shop(flags.warehouse, flags.interactions)
    if flags.only != "cold":
        params = SasrecParams(epochs=flags.epochs, negatives=flags.negatives, dropout=flags.dropout)
        retrieval(shop, params, flags.seeds)
    if flags.only != "retrieval":
        for seed in flags.seeds:
            cold(shop, flags.cold, seed)


if __name__ == "__main__":
    main()
