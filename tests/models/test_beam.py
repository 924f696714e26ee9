"""The beam over a real model with random weights, against the score of every ID one by one."""

from itertools import product

import numpy as np
import pytest
import torch

from semid.downstream import beam
from semid.downstream.decoder import DecoderShape, HistoryDecoder, padded_right
from semid.downstream.sequences import NO_ITEM, histories
from semid.downstream.tiger import Tiger, TigerShape
from semid.downstream.transitions import transitions
from semid.downstream.vocabulary import Vocabulary
from semid.quantize.rqvae_module import repeatable

VOCABULARY = Vocabulary((4, 5, 3), duplicates=2, users=3)
SIZES = VOCABULARY.level_sizes
EVERY = np.array(list(product(*map(range, SIZES))), np.int32)
IDS = EVERY[np.sort(np.random.default_rng(0).permutation(len(EVERY))[:40])]
"""40 of the 120 possible IDs."""
REQUESTS = [[3], [7, 1, 30], [12, 12, 5, 0, 39]]


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Many small steps: two threads on busy cores wait for each other."""
    with repeatable(1):
        yield


class OfDecoder:
    """A history decoder, asked in item rows."""

    def __init__(self) -> None:
        # every possible ID is an item here, so that any of them can be scored as the next item of a history
        self.rows = np.concatenate([IDS, EVERY])
        shape = DecoderShape(width=16, layers=2, heads=2, hidden=32, history=8)
        self.model = sharpened(HistoryDecoder(self.rows, VOCABULARY, shape))

    def begin(self) -> beam.Session:
        table = [row + [NO_ITEM] * (5 - len(row)) for row in REQUESTS]
        return self.model.begin(torch.tensor(table))

    def score(self, request: list[int], row: np.ndarray) -> float:
        """The log-probability of the last of n lessons: what the sum of n - 1 leaves of the sum of n."""
        item = len(IDS) + int(np.flatnonzero((row == EVERY).all(axis=1))[0])
        before = float(self.model(torch.tensor([request]))) * (len(request) - 1) if len(request) > 1 else 0.0
        return before - float(self.model(torch.tensor([[*request, item]]))) * len(request)


class OfTiger:
    """TIGER, asked in tokens, padded in one batch and alone without padding."""

    def __init__(self) -> None:
        shape = TigerShape(width=16, layers=2, heads=3, head_width=8, hidden=32)
        self.model = sharpened(Tiger(VOCABULARY, shape))
        tokens = VOCABULARY.tokens(IDS)
        users = VOCABULARY.user_tokens(range(len(REQUESTS)))
        self.reads = [[int(u), *tokens[row].flatten().tolist()] for u, row in zip(users, REQUESTS, strict=True)]

    def begin(self) -> beam.Session:
        longest = max(map(len, self.reads))
        return self.model.begin(torch.tensor([row + [Vocabulary.PAD] * (longest - len(row)) for row in self.reads]))

    def score(self, request: list[int], row: np.ndarray) -> float:
        read = self.reads[REQUESTS.index(request)]
        return -float(self.model(torch.tensor([read]), torch.from_numpy(row[None]).long()))


def sharpened(model: torch.nn.Module) -> torch.nn.Module:
    """Weights large enough that every part of the model moves the scores."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name)))
            parameter.add_(0.5 * noise)
    return model.eval()


@pytest.fixture(params=[OfDecoder, OfTiger], scope="module")
def asked(request, _one_thread):
    return request.param()


@pytest.fixture(scope="module")
def one_by_one(asked):
    """Scores (requests, ids) of every possible ID."""
    with torch.inference_mode():
        return np.array([[asked.score(request, row) for row in EVERY] for request in REQUESTS])


VALID = (EVERY[:, None] == IDS).all(axis=2).any(axis=1)


def expect(found: beam.Hypotheses, scores: np.ndarray, ids: np.ndarray) -> None:
    order = np.argsort(-scores, axis=1)[:, : found.scores.shape[1]]
    np.testing.assert_allclose(found.scores.numpy(), np.take_along_axis(scores, order, axis=1), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found.ids.numpy(), ids[order])


@pytest.mark.parametrize("cells", [0, 12, beam.DENSE_CELLS])
def test_a_wide_beam_finds_the_best_valid_ids_in_order(asked, one_by_one, cells, monkeypatch):
    """Sparse levels only, a dense one above sparse ones, dense levels only: the same IDs and scores."""
    monkeypatch.setattr(beam, "DENSE_CELLS", cells)
    found = beam.search(asked.begin(), beam.OnlyValid(transitions(IDS, SIZES)), 40)
    expect(found, one_by_one[:, VALID], IDS)
    np.testing.assert_array_equal(np.sort(found.numbers.numpy(), axis=1), np.tile(np.arange(40), (len(REQUESTS), 1)))
    np.testing.assert_array_equal(IDS[found.numbers.numpy()], found.ids.numpy())


def test_a_narrow_beam_finds_valid_ids_with_their_own_scores(asked, one_by_one):
    """It may miss the best, never say another score: a cache that follows the wrong hypothesis would."""
    found = beam.search(asked.begin(), beam.OnlyValid(transitions(IDS, SIZES)), 4)
    numbers = found.numbers.numpy()
    assert numbers.shape == (3, 4)
    own = np.take_along_axis(one_by_one[:, VALID], numbers, axis=1)
    np.testing.assert_allclose(found.scores.numpy(), own, rtol=1e-4, atol=1e-4)
    assert (np.diff(own, axis=1) < 1e-4).all()


def test_a_free_beam_says_ids_that_no_item_has_and_they_are_counted(asked, one_by_one):
    found = beam.search(asked.begin(), beam.Anything(SIZES), len(EVERY))
    expect(found, one_by_one, EVERY)
    assert (transitions(IDS, SIZES).find(found.ids.numpy().reshape(-1, 4)) < 0).mean() == pytest.approx(80 / 120)


def test_a_whitelist_leaves_the_best_of_its_items(asked, one_by_one):
    allowed = np.arange(40) % 3 == 0
    rule = beam.OnlyValid(transitions(IDS[allowed], SIZES, items=np.flatnonzero(allowed)))
    expect(beam.search(asked.begin(), rule, 14), one_by_one[:, VALID][:, allowed], IDS[allowed])


def test_places_beyond_the_last_valid_id_name_none(asked):
    found = beam.search(asked.begin(), beam.OnlyValid(transitions(IDS[:3], SIZES)), 10)
    for numbers, scores in zip(found.numbers.tolist(), found.scores.tolist(), strict=True):
        assert sorted(numbers[:3]) == [0, 1, 2]
        assert set(numbers[3:]) <= {-1}
        assert all(score == -np.inf for score in scores[3:])


def test_histories_of_one_batch_do_not_see_each_other_or_the_padding():
    """Rows of a batch, right-padded, answer as they do alone."""
    asked = OfDecoder()
    log = histories([0, 1, 1, 1], REQUESTS[0] + REQUESTS[1], [0, 0, 1, 2])
    together = asked.model.begin(torch.from_numpy(padded_right(log)).long()).first()
    alone = [asked.model.begin(torch.tensor([row])).first() for row in REQUESTS[:2]]
    torch.testing.assert_close(together, torch.cat(alone))
