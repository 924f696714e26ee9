"""What diversification gains and costs: the table of docs/diversification.md.

Usage: diversify.py WAREHOUSE [--slates 200]   (of `make bench`)
A slate is the 500 contents nearest to a content drawn by a seed; relevance is the cosine, 50 are shown, the window is 10.
Codes are those of the published IDs.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from semid.downstream.ssd import PrefixTerm, SpectrumTerm, Term, rerank
from semid.measure.diversity import distinct_prefixes, relevance_kept, window_similarity
from semid.tables.query import open_reader

CANDIDATES, SHOWN = 500, 50
POLICIES = [(0, 0), (1, 0), (3, 0), (0, 0.5), (0, 1), (0, 2), (0, 3), (1, 0.5), (1, 1), (1, 2), (3, 1), (3, 2)]
"""(gamma, prefix weight)."""
CONTENTS = """
SELECT any_value(i.codes) AS codes, any_value(e.embedding) AS embedding
FROM semantic_id_current AS i JOIN item_embedding AS e USING (content_hash)
GROUP BY content_hash ORDER BY content_hash"""


def measured(order: np.ndarray, x: np.ndarray, codes: np.ndarray, relevance: np.ndarray) -> list[float]:
    return [
        relevance_kept(relevance, order),
        distinct_prefixes(codes[order], 1),
        distinct_prefixes(codes[order], 2),
        window_similarity(x[order]),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warehouse")
    parser.add_argument("--slates", type=int, default=200)
    flags = parser.parse_args()
    contents = open_reader(flags.warehouse).arrow(CONTENTS)
    x, codes = (np.stack(contents[name].to_numpy()) for name in ("embedding", "codes"))
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    asked = np.random.default_rng(1).permutation(len(x))[: flags.slates]
    near = [np.argsort(-(x @ x[row]), kind="stable")[1 : CANDIDATES + 1] for row in asked]
    relevance = np.array([x[rows] @ x[row] for rows, row in zip(near, asked, strict=True)])
    print("| gamma | prefix weight | relevance kept | level 1 in ten | level 2 in ten | cosine in ten | ms a slate |")
    print("|---|---|---|---|---|---|---|")
    for gamma, weight in POLICIES:
        rows, spent = [], 0.0
        for slate, scores in zip(near, relevance, strict=True):
            started = time.process_time()
            terms: list[Term] = [SpectrumTerm(x[slate][None], gamma)] if gamma else []
            terms += [PrefixTerm(codes[slate][None], weight)] if weight else []
            order = rerank(scores[None], terms, SHOWN)[0]
            spent += time.process_time() - started
            rows.append(measured(order, x[slate], codes[slate], scores))
        kept, one, two, cosine = np.mean(rows, axis=0)
        ms = 1000 * spent / len(near)
        print(f"| {gamma} | {weight} | {kept:.2%} | {one:.2f} | {two:.2f} | {cosine:.3f} | {ms:.1f} |", flush=True)


if __name__ == "__main__":
    main()
