"""Search as retrieval of an ID: made queries of Beauty answered by TIGER over words, BM25 and dense retrieval.

Usage: dsi.py WAREHOUSE [--per-item 6] [--judged 2000] [--epochs 12] [--minutes 10] [--learning-rate 1e-3] [--seed 0]
Queries are made of titles, brands and last categories (`queries.sample_queries`); a fifth of them, by a hash of the text, is
held out and judged: every item is known from its other queries, as in DSI. The generator reads hashed words and says the
ID; a beam of 20 over the release's IDs, then items. BM25 and the dense retriever (the release's own vectors and model) read the
items' texts. Recall@1 and @10 and MRR@10 by item, with 95 % bootstrap intervals over queries; seconds are of CPU.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import torch

from semid.config import load_config
from semid.downstream import beam
from semid.downstream.bm25 import Bm25
from semid.downstream.dsi import query_tokens
from semid.downstream.queries import Queries, hold_out, nearest_items, sample_queries
from semid.downstream.tiger import Tiger, TigerShape
from semid.downstream.training import State, TrainingParams, Watch, train
from semid.downstream.transitions import Transitions, transitions
from semid.downstream.vocabulary import Vocabulary
from semid.measure import interval
from semid.measure.retrieval import hits_of, per_user
from semid.tables.query import open_reader
from semid.text.embedder import embedder
from semid.text.model import spec_of

ITEMS = """
SELECT i.item_id, i.codes, i.dedup_index, c.title, c.brand, c.category, c.text, e.embedding
FROM semantic_id_current AS i JOIN item_catalog AS c USING (item_id)
JOIN item_embedding AS e ON e.content_hash = i.content_hash ORDER BY i.item_id"""
BUCKETS, WORDS, BATCH, TOGETHER, K = 8_192, 12, 128, 256, 10
SHAPE = TigerShape(layers=2, heads=4, head_width=32, hidden=512, reach=WORDS)


class Search:
    """TIGER over words."""

    def __init__(self, ids: np.ndarray, vocabulary: Vocabulary, seed: int) -> None:
        self.ids, self.vocabulary, self.seed = ids, vocabulary, seed
        self.model = Tiger(vocabulary, SHAPE, others=BUCKETS, seed=seed)
        self.tables: Transitions = transitions(ids, vocabulary.level_sizes)

    def read(self, texts: list[str]) -> torch.Tensor:
        return torch.from_numpy(query_tokens(texts, self.vocabulary.size, BUCKETS, WORDS)).long()

    def batches(self, queries: Queries, epoch: int) -> list[tuple[torch.Tensor, ...]]:
        order = np.random.default_rng([self.seed, epoch]).permutation(len(queries.texts))
        parts = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        return [
            (self.read([queries.texts[n] for n in rows]), torch.from_numpy(self.ids[queries.items[rows]]).long())
            for rows in parts
        ]

    def answers(self, texts: tuple[str, ...], width: int) -> np.ndarray:
        rule, found = beam.OnlyValid(self.tables), []
        self.model.eval()
        with torch.inference_mode():
            for start in range(0, len(texts), TOGETHER):
                session = self.model.begin(self.read(list(texts[start : start + TOGETHER])))
                found.append(beam.search(session, rule, width).numbers)
        return self.tables.expand(torch.cat(found).numpy(), K)


def fit(search: Search, learnt: Queries, checked: Queries, flags: argparse.Namespace) -> State:
    begun = time.process_time()

    def progress(epoch: int, facts: dict[str, float]) -> None:
        told = ", ".join(f"{name} {value:.4f}" for name, value in facts.items())
        print(f"epoch {epoch} after {(time.process_time() - begun) / 60:.1f} CPU min: {told}", file=sys.stderr)

    def judge() -> float:
        return float(hits_of(search.answers(checked.texts, K), checked.items).any(axis=1).mean())

    params = TrainingParams(epochs=flags.epochs, learning_rate=flags.learning_rate, judge_every=2, seed=flags.seed)
    watch = Watch(progress=progress, stop=lambda: time.process_time() - begun > flags.minutes * 60)
    return train(search.model, lambda epoch: search.batches(learnt, epoch), judge, params, watch)


def show(name: str, ranked: np.ndarray, asked: Queries, seconds: float) -> None:
    values = per_user(hits_of(ranked, asked.items), cutoffs=(1, K))
    columns = np.column_stack([values[name] for name in ("recall_1", "recall_10", "mrr_10")])
    ends = interval.of_means(columns, np.random.default_rng(0))
    cells = [f"{m:.4f} ({low:.4f}-{high:.4f})" for m, (low, high) in zip(columns.mean(axis=0), ends, strict=True)]
    print("| " + " | ".join([name, *cells, f"{seconds:.0f}"]) + " |", flush=True)


def drawn(queries: Queries, count: int, seed: int) -> Queries:
    chosen = np.zeros(len(queries.texts), np.bool_)
    chosen[np.random.default_rng(seed).permutation(len(chosen))[:count]] = True
    return queries.only(chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warehouse")
    parser.add_argument("--per-item", type=int, default=6)
    parser.add_argument("--judged", type=int, default=2_000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    torch.set_num_threads(1)
    reader = open_reader(flags.warehouse)
    rows = reader.frame(ITEMS)
    fields = {
        row.item_id: {"title": row.title or "", "brand": row.brand or "", "category": (list(row.category) or [""])[-1]}
        for row in rows.itertuples()
    }
    learnt, held = hold_out(sample_queries(fields, flags.per_item, flags.seed), 0.2, flags.seed)
    asked, checked = drawn(held, flags.judged, 1), drawn(held, 500, 2)
    print(f"{len(learnt.texts):,} queries to learn from, {len(asked.texts):,} of {len(held.texts):,} held out judged\n")
    print("| retriever | Recall@1 | Recall@10 | MRR@10 | CPU s |\n|---|---|---|---|---|")
    begun = time.process_time()
    show("BM25", Bm25.of(rows.text.tolist()).search(asked.texts, K), asked, time.process_time() - begun)
    begun = time.process_time()
    x = np.stack(rows.embedding.to_list()).astype(np.float32)
    q = embedder(spec_of(load_config().embedding), "cpu").embed(asked.texts, asked.texts)
    show("dense, MiniLM", nearest_items(q, x, K), asked, time.process_time() - begun)
    codes = np.stack(rows.codes.to_list()).astype(np.int32)
    vocabulary = Vocabulary(tuple(int(n) + 1 for n in codes.max(axis=0)), int(rows.dedup_index.max()) + 1, users=0)
    begun = time.process_time()
    search = Search(vocabulary.ids(codes, rows.dedup_index), vocabulary, flags.seed)
    state = fit(search, learnt, checked, flags)
    ranked = search.answers(asked.texts, 20)
    show(f"TIGER over words, {state.epoch} of {flags.epochs} epochs", ranked, asked, time.process_time() - begun)


if __name__ == "__main__":
    main()
