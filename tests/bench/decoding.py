"""Race the constrained beam search against Hugging Face `generate` with `prefix_allowed_tokens_fn`.

Usage: decoding.py WAREHOUSE [--beams 10 50] [--batch 8] [--rounds 5]
Both decode the current IDs of WAREHOUSE with random weights, from 81 tokens (a user and 20 items), 4 + 4 layers, width
128, 6 heads of 64, feed-forward 1,024. The rival's rule is a dictionary from prefix to allowed tokens, built beforehand.
First the search runs over the rival's own model and must find the rival's IDs. Then paired rounds of whole requests:
`tiger.Tiger`, the compact decoder (another network, of as many parameters) and the rival; of the decoders
alone, the history being encoded; and of the rules alone, four steps from the same prefixes. Prints medians in CPU
milliseconds per request and the median of the rounds' ratios with their range.

2026-11-30, 2 cores, no GPU: whole requests 3.4 and 12.6 times as fast at beam 10 and 50 by TIGER, 42 and 169 times by the
compact decoder; the rules alone 10 and 29 times.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from transformers import PrefixConstrainedLogitsProcessor, T5Config, T5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from semid.downstream import beam
from semid.downstream.decoder import DecoderShape, HistoryDecoder
from semid.downstream.tiger import Answer, Tiger, TigerShape
from semid.downstream.transitions import transitions
from semid.downstream.vocabulary import Vocabulary
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


class Race:
    """Both sides over one set of IDs and one batch of requests."""

    def __init__(self, warehouse: str, batch: int) -> None:
        query = "SELECT codes, dedup_index FROM semantic_id_current ORDER BY item_id"
        rows = open_reader(warehouse).mappings(query)
        codes, dedup = np.array([row["codes"] for row in rows], np.int32), [row["dedup_index"] for row in rows]
        self.vocabulary = Vocabulary(tuple(int(n) + 1 for n in codes.max(axis=0)), max(dedup) + 1)
        self.ids, self.batch = self.vocabulary.ids(codes, dedup), batch
        self.tokens = self.vocabulary.tokens(self.ids)
        self.rule = beam.OnlyValid(transitions(self.ids, self.vocabulary.level_sizes))
        self.rule_of_rival = allowed_after(self.tokens)
        self.tiger, self.t5 = Tiger(self.vocabulary, TigerShape()).eval(), rival(self.vocabulary)
        self.compact = HistoryDecoder(self.ids, self.vocabulary, DecoderShape()).eval()
        items = np.random.default_rng(0).integers(len(self.ids), size=(batch, ITEMS))
        history = self.tokens[items].reshape(batch, -1)
        self.items = torch.from_numpy(items)
        self.asked = torch.from_numpy(np.column_stack([self.vocabulary.user_tokens(range(batch)), history])).long()

    def generate(self, width: int, **given: object) -> torch.Tensor:
        found = self.t5.generate(
            **(given or {"input_ids": self.asked}),
            num_beams=width,
            num_return_sequences=width,
            max_new_tokens=self.ids.shape[1],
            do_sample=False,
            prefix_allowed_tokens_fn=self.rule_of_rival,
        )
        return found[:, 1:].unflatten(0, (self.batch, width))

    def same_ids(self, width: int) -> None:
        found = beam.search(OfT5(self.t5, self.vocabulary, self.asked), self.rule, width).ids
        agree = (found + torch.tensor(self.vocabulary.level_offsets) == self.generate(width)).all(dim=2)
        assert agree.float().mean() > 0.99, agree.float().mean()  # near ties may change places by rounding

    def rules(self, width: int) -> tuple[Callable[[], object], Callable[[], object]]:
        """The two rules alone, over all steps of a request batch, from the same random valid prefixes."""
        rows = np.random.default_rng(1).integers(len(self.ids), size=self.batch * width)
        processor = PrefixConstrainedLogitsProcessor(self.rule_of_rival, width)
        ours, theirs = [], []
        for level, size in enumerate(self.vocabulary.level_sizes):
            prefixes = self.ids[:, :level]
            states = np.unique(prefixes, axis=0, return_inverse=True)[1] if level else np.zeros(len(self.ids), int)
            ours.append((level, torch.from_numpy(states[rows].reshape(self.batch, width)), torch.zeros(1, 1, size)))
            begin = np.full((len(rows), 1), Vocabulary.BEGIN)
            said = torch.from_numpy(np.column_stack([begin, self.tokens[rows, :level]]))
            theirs.append((said, torch.zeros(len(rows), self.vocabulary.size)))
        widened = [(n, states, logs.expand(*states.shape, -1)) for n, states, logs in ours]
        return (
            lambda: [self.rule.candidates(*step) for step in widened],
            lambda: [processor(*step) for step in theirs],
        )

    def row(self, width: int, rounds: int) -> str:
        self.same_ids(width)
        read, encoded = self.tiger.read(self.asked), self.t5.get_encoder()(input_ids=self.asked).last_hidden_state
        runs = [
            lambda: beam.search(self.tiger.begin(self.asked), self.rule, width),
            lambda: beam.search(self.compact.begin(self.items), self.rule, width),
            lambda: self.generate(width),
            lambda: beam.search(Answer(self.tiger, read), self.rule, width),
            lambda: self.generate(width, encoder_outputs=BaseModelOutput(encoded)),
            *self.rules(width),
        ]
        spent = np.array([[seconds(run) for run in runs] for _ in range(rounds + 1)])[1:]  # the first warms up
        tiger, compact, whole, decode, decode_rival, rule, rule_rival = spent.T
        cells = [f"{1000 * np.median(column) / self.batch:.2f}" for column in spent.T]
        ratios = [whole / tiger, whole / compact, decode_rival / decode, rule_rival / rule]
        return " | ".join([str(width), *cells, *(f"{np.median(r):.1f} ({r.min():.1f}-{r.max():.1f})" for r in ratios)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warehouse")
    parser.add_argument("--beams", type=int, nargs="+", default=[10, 50])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    race = Race(args.warehouse, args.batch)
    models = (race.tiger, race.compact, race.t5)
    print(f"{len(race.ids)} IDs, batch {args.batch}; parameters {', '.join(f'{parameters(m):,}' for m in models)}")
    print(
        "beam | ms: Tiger | compact | generate | Tiger's decoder | generate's | rule | generate's"
        " | generate / Tiger | / compact | decoders | rules"
    )
    with torch.inference_mode():
        for width in args.beams:
            print(race.row(width, args.rounds), flush=True)


def parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def seconds(run: Callable[[], object]) -> float:
    begun = time.process_time()  # of this process alone: other programs share the machine
    run()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
