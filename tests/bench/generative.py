"""Train the compact decoder on leave-one-out histories and judge it on the whole catalog, item by item.

Usage: generative.py INTERACTIONS (--warehouse DIR [--instead random|lsh] | --ids FILE [--source NAME])
       [--seeds 0 1 2] [--epochs 14] [--minutes 60] [--beam 20] [--history 50] [--keep FILE] [--resume FILE]
INTERACTIONS is a Parquet file of user_id, item_id and position; --ids one of item_id, codes and, if there is one,
dedup_index (else counted by item id inside each bucket). Prints a row per seed: Recall and NDCG at 5 and 10 with 95 %
bootstrap intervals over users, and Recall at 10 of a list without what the user took before. Progress goes to stderr.
--instead takes random or LSH codes of the codebook's sizes in place of the published ones. --epochs sets the learning
rate's course, --minutes (of CPU) ends the training wherever it is.

2026-11-30, one of two shared cores: 14 epochs on Beauty in 7 minutes of a core, Recall@10 .0760: docs/generative.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from semid.downstream import beam
from semid.downstream.decoder import DecoderShape, HistoryDecoder, padded_right, rows_by_length
from semid.downstream.other_ids import lsh_ids, random_ids
from semid.downstream.sequences import Examples, Histories, Split, catalog_rows, histories, leave_one_out
from semid.downstream.training import State, TrainingParams, Watch, train
from semid.downstream.transitions import Transitions, transitions
from semid.downstream.vocabulary import Vocabulary
from semid.measure import interval
from semid.measure.retrieval import CUTOFFS, hits_of, per_user
from semid.tables.query import open_reader

REQUESTS = 256
VECTORS = """
SELECT item_id, embedding FROM semantic_id_current JOIN item_embedding USING (content_hash) ORDER BY item_id"""


@dataclass(frozen=True)
class Task:
    """IDs and what is to be foretold with them."""

    ids: np.ndarray
    vocabulary: Vocabulary
    tables: Transitions
    split: Split


@dataclass(frozen=True)
class Plan:
    """How long to train and how to search."""

    epochs: int
    minutes: float
    width: int
    history: int
    batch: int
    learning_rate: float
    dropout: float


def read_ids(args: argparse.Namespace) -> pd.DataFrame:
    if args.instead:
        return numbered(meaningless(args.warehouse, args.instead))
    if args.warehouse:
        rows = open_reader(args.warehouse).mappings("SELECT item_id, codes, dedup_index FROM semantic_id_current")
        return pd.DataFrame(rows).sort_values("item_id", ignore_index=True)
    ids = pd.read_parquet(args.ids)
    if args.source:
        ids = ids[ids.source == args.source]
    return numbered(ids)


def numbered(ids: pd.DataFrame) -> pd.DataFrame:
    ids = ids.sort_values("item_id", ignore_index=True)
    if "dedup_index" not in ids:
        ids["dedup_index"] = ids.groupby(ids.codes.map(tuple)).cumcount()
    return ids


def meaningless(warehouse: str, kind: str) -> pd.DataFrame:
    """Other codes, of the published sizes, for the same items; duplicates are numbered alike."""
    reader, rng = open_reader(warehouse), np.random.default_rng(0)
    rows = reader.arrow(VECTORS)
    (book,) = reader.mappings("SELECT codebook_sizes FROM codebook ORDER BY codebook_version DESC LIMIT 1")
    x = np.stack(rows["embedding"].to_numpy()).astype(np.float32)
    sizes = book["codebook_sizes"]
    codes = random_ids(len(x), sizes, rng) if kind == "random" else lsh_ids(x, sizes, rng)
    return pd.DataFrame({"item_id": rows["item_id"].to_pylist(), "codes": list(codes)})


def task(ids: pd.DataFrame, log: pd.DataFrame) -> Task:
    codes = np.stack(ids.codes.to_list()).astype(np.int32)
    vocabulary = Vocabulary(tuple(int(n) + 1 for n in codes.max(axis=0)), int(ids.dedup_index.max()) + 1)
    full = vocabulary.ids(codes, ids.dedup_index)
    rows = catalog_rows(log.item_id.to_numpy(), ids.item_id.to_numpy())
    known = rows >= 0
    if not known.all():
        print(f"{(~known).sum()} of {len(known)} events have no ID and are left out", file=sys.stderr)
    past = histories(log.user_id.to_numpy()[known], rows[known], log.position.to_numpy()[known])
    return Task(full, vocabulary, transitions(full, vocabulary.level_sizes), leave_one_out(past))


def answers(model: HistoryDecoder, past: Histories, job: Task, plan: Plan) -> np.ndarray:
    """Items (n, width), best first."""
    found, rule = [], beam.OnlyValid(job.tables)
    with torch.inference_mode():
        for start in range(0, len(past), REQUESTS):
            rows = padded_right(past.of(np.arange(start, min(start + REQUESTS, len(past)))).last(plan.history))
            found.append(beam.search(model.begin(torch.from_numpy(rows).long()), rule, plan.width).numbers)
    return job.tables.expand(torch.cat(found).numpy(), plan.width)


def unseen(items: np.ndarray, past: Histories) -> np.ndarray:
    """The lists without what each user took before, -1 in their last places."""
    taken = past.padded(int(past.lengths.max()))
    seen = np.stack([np.isin(row, had) for row, had in zip(items, taken, strict=True)])
    order = np.argsort(seen, axis=1, kind="stable")
    return np.take_along_axis(np.where(seen, -1, items), order, axis=1)


def gains(items: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Recall and NDCG (n, 2 * cuts) of each user."""
    values = per_user(hits_of(items, targets))
    return np.column_stack([values[f"{name}_{cut}"] for name in ("recall", "ndcg") for cut in CUTOFFS])


def judged(model: HistoryDecoder, examples: Examples, job: Task, plan: Plan) -> np.ndarray:
    return gains(answers(model, examples.histories, job, plan), examples.targets)


def some(examples: Examples, count: int) -> Examples:
    rows = np.sort(np.random.default_rng(0).permutation(len(examples.targets))[:count])
    return Examples(examples.histories.of(rows), examples.targets[rows])


def trained(job: Task, plan: Plan, seed: int, files: argparse.Namespace) -> tuple[HistoryDecoder, State]:
    model = HistoryDecoder(job.ids, job.vocabulary, DecoderShape(history=plan.history, dropout=plan.dropout), seed)
    sample = some(job.split.valid, 2000)
    begun = time.process_time()

    def batches(epoch: int) -> list[tuple[torch.Tensor, ...]]:
        rng = np.random.default_rng([seed, epoch])
        rows = rows_by_length(job.split.train, plan.history + 1, plan.batch, rng)
        return [(torch.from_numpy(table).long(),) for table in rows]

    def progress(epoch: int, facts: dict[str, float]) -> None:
        told = ", ".join(f"{name} {value:.4f}" for name, value in facts.items())
        print(
            f"seed {seed} epoch {epoch} after {(time.process_time() - begun) / 60:.1f} CPU min: {told}", file=sys.stderr
        )

    watch = Watch(
        progress=progress,
        keep=lambda state: files.keep.write_bytes(state.to_bytes()) if files.keep else None,
        stop=lambda: time.process_time() - begun > plan.minutes * 60,
        resume=State.from_bytes(files.resume.read_bytes()) if files.resume else None,
    )
    params = TrainingParams(epochs=plan.epochs, learning_rate=plan.learning_rate, judge_every=2, seed=seed)
    quick = Plan(**{**plan.__dict__, "width": max(CUTOFFS)})
    state = train(model, batches, lambda: float(judged(model, sample, job, quick)[:, 3].mean()), params, watch)
    return model.eval(), state


def line(job: Task, plan: Plan, seed: int, files: argparse.Namespace) -> str:
    begun = time.process_time()
    model, state = trained(job, plan, seed, files)
    spent = (time.process_time() - begun) / 60
    items, test = answers(model, job.split.test.histories, job, plan), job.split.test
    found = gains(items, test.targets)
    ends = interval.of_means(found, np.random.default_rng(0))
    cells = [f"{m:.4f} ({low:.4f}-{high:.4f})" for m, (low, high) in zip(found.mean(axis=0), ends, strict=True)]
    others = gains(unseen(items, test.histories), test.targets)[:, 1].mean()
    return " | ".join([str(seed), f"{state.epoch} of {plan.epochs}", f"{spent:.0f}", *cells, f"{others:.4f}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("interactions", type=Path)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--warehouse")
    where.add_argument("--ids", type=Path)
    parser.add_argument("--source")
    parser.add_argument("--instead", choices=("random", "lsh"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--beam", type=int, default=20)
    parser.add_argument("--history", type=int, default=50)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=DecoderShape.dropout)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--resume", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    job = task(read_ids(args), pd.read_parquet(args.interactions))
    plan = Plan(args.epochs, args.minutes, args.beam, args.history, args.batch, args.learning_rate, args.dropout)
    print("seed | epochs | CPU min | R@5 | R@10 | N@5 | N@10 | R@10, unseen only")
    for seed in args.seeds:
        print(line(job, plan, seed, args), flush=True)


if __name__ == "__main__":
    main()
