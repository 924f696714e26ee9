"""Race the constrained beam search against Hugging Face `generate` with `prefix_allowed_tokens_fn`.

Usage: decoding.py WAREHOUSE [--beams 10 50] [--batch 8] [--rounds 5]
Both decode the current IDs of WAREHOUSE with random weights, from 81 tokens (a user and 20 items), 4 + 4 layers, width
128, 6 heads of 64, feed-forward 1,024. The rival's rule is a dictionary from prefix to allowed tokens, built beforehand.
First the search runs over the rival's own model and must find the rival's IDs. Then paired rounds: the search with
`tiger.Tiger`; the search over the rival's model, without a cache (what the loop and the tables give by themselves);
and the rival. Prints the median seconds per request and the median of the rounds' ratios with their range.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from transformers import T5Config, T5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from semid.downstream import beam
from semid.downstream.sequences import Vocabulary
from semid.downstream.tiger import Tiger, TigerShape
from semid.downstream.transitions import transitions
from semid.tables.query import open_reader

ITEMS = 20


class OfT5:
    """The rival's model as a session; decodes from the start in each step, for at most four tokens."""

    def __init__(self, model: T5ForConditionalGeneration, vocabulary: Vocabulary, tokens: torch.Tensor) -> None:
        self.model, self.vocabulary, self.level = model, vocabulary, 0
        self.read = model.get_encoder()(input_ids=tokens).last_hidden_state
        self.said = torch.full((len(tokens), 1, 1), Vocabulary.BEGIN)

    def first(self) -> torch.Tensor:
        return self.log_probs()

    def next(self, parents: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        before = self.said.gather(1, parents[..., None].expand(-1, -1, self.said.shape[2]))
        tokens = codes + self.vocabulary.level_offsets[self.level]
        self.said, self.level = torch.cat([before, tokens[..., None]], dim=2), self.level + 1
        return self.log_probs()

    def log_probs(self) -> torch.Tensor:
        width = self.said.shape[1]
        read = BaseModelOutput(last_hidden_state=self.read.repeat_interleave(width, dim=0))
        logits = self.model(encoder_outputs=read, decoder_input_ids=self.said.flatten(0, 1)).logits[:, -1]
        first, size = self.vocabulary.level_offsets[self.level], self.vocabulary.level_sizes[self.level]
        return logits.log_softmax(dim=-1)[:, first : first + size].unflatten(0, self.said.shape[:2])


def rival(vocabulary: Vocabulary) -> T5ForConditionalGeneration:
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=vocabulary.size,
        **{"d_model": 128, "d_kv": 64, "d_ff": 1024, "num_layers": 4, "num_heads": 6},
        decoder_start_token_id=Vocabulary.BEGIN,
        pad_token_id=Vocabulary.PAD,
        eos_token_id=None,
    )
    return T5ForConditionalGeneration(config).eval()


def allowed_after(tokens: np.ndarray) -> Callable[[int, torch.Tensor], list[int]]:
    after: dict[tuple[int, ...], set[int]] = {}
    for row in tokens.tolist():
        for level, token in enumerate(row):
            after.setdefault(tuple(row[:level]), set()).add(token)
    lists = {prefix: sorted(found) for prefix, found in after.items()}
    # a dead hypothesis has to say something; its score is -inf
    return lambda _, said: lists.get(tuple(said[1:].tolist()), [Vocabulary.PAD])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warehouse")
    parser.add_argument("--beams", type=int, nargs="+", default=[10, 50])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = open_reader(args.warehouse).mappings("SELECT codes, dedup_index FROM semantic_id_current ORDER BY item_id")
    codes, dedup = np.array([row["codes"] for row in rows], np.int32), [row["dedup_index"] for row in rows]
    vocabulary = Vocabulary(tuple(int(n) + 1 for n in codes.max(axis=0)), max(dedup) + 1)
    ids = vocabulary.ids(codes, dedup)
    tokens, levels = vocabulary.tokens(ids), ids.shape[1]
    rule, rule_of_rival = beam.OnlyValid(transitions(ids, vocabulary.level_sizes)), allowed_after(tokens)
    ours, theirs = Tiger(vocabulary, TigerShape()).eval(), rival(vocabulary)
    rng = np.random.default_rng(0)
    history = tokens[rng.integers(len(tokens), size=(args.batch, ITEMS))].reshape(args.batch, -1)
    asked = torch.from_numpy(np.column_stack([vocabulary.user_tokens(range(args.batch)), history])).long()

    def generate(width: int) -> torch.Tensor:
        found = theirs.generate(
            asked,
            num_beams=width,
            num_return_sequences=width,
            max_new_tokens=levels,
            do_sample=False,
            prefix_allowed_tokens_fn=rule_of_rival,
        )
        return found[:, 1:].unflatten(0, (args.batch, width))

    print(f"{len(ids)} IDs; parameters: {parameters(ours):,} and {parameters(theirs):,}")
    print("beam | Tiger s | search over T5 s | generate s | generate / Tiger | generate / search over T5")
    with torch.inference_mode():
        for width in args.beams:
            over_t5 = beam.search(OfT5(theirs, vocabulary, asked), rule, width).ids
            agree = (over_t5 + torch.tensor(vocabulary.level_offsets) == generate(width)).all(dim=2)
            assert agree.float().mean() > 0.99, agree.float().mean()  # near ties may change places by rounding
            runs = {
                "tiger": lambda w=width: beam.search(ours.begin(asked), rule, w),
                "over_t5": lambda w=width: beam.search(OfT5(theirs, vocabulary, asked), rule, w),
                "generate": lambda w=width: generate(w),
            }
            spent = np.array([[seconds(run) for run in runs.values()] for _ in range(args.rounds)])
            print(row(width, spent, args.batch), flush=True)


def row(width: int, spent: np.ndarray, batch: int) -> str:
    per_request = np.median(spent, axis=0) / batch
    ratios = [spent[:, 2] / spent[:, column] for column in (0, 1)]
    cells = [str(width), *(f"{s:.4f}" for s in per_request)]
    return " | ".join(cells + [f"{np.median(r):.1f} ({r.min():.1f}-{r.max():.1f})" for r in ratios])


def parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def seconds(run: Callable[[], object]) -> float:
    begun = time.process_time()  # of this process alone: other programs share the machine
    run()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
