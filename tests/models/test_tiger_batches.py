"""What TIGER learns from in an epoch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from semid.downstream import tiger_retriever
from semid.downstream.corpus import KnownIds
from semid.downstream.plan import Plan
from semid.downstream.sequences import histories, lessons
from semid.downstream.vocabulary import Vocabulary

VOCABULARY = Vocabulary(sizes=(4, 5), duplicates=1, users=30)
LENGTHS = np.random.default_rng(0).integers(1, 12, 30)
LOG = histories(np.repeat(np.arange(30), LENGTHS), np.arange(LENGTHS.sum()) % 20, np.arange(LENGTHS.sum()))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> tiger_retriever.TigerRetriever:
    """Five batches of two users are sorted together."""
    monkeypatch.setattr(tiger_retriever, "SORTED_TOGETHER", 5)
    ids = VOCABULARY.ids(np.array([[n // 5, n % 5] for n in range(20)]), np.zeros(20, np.int64))
    known = KnownIds(VOCABULARY, ids, np.array([f"i{n}" for n in range(20)]), np.arange(20, dtype=np.int32))
    return tiger_retriever.TigerRetriever(known, Plan("tiger", history=6, batch=2))


def rows(tokens: torch.Tensor, ids: torch.Tensor) -> list[tuple[int, ...]]:
    """Each lesson of a batch without its padding."""
    read = [[token for token in row if token != Vocabulary.PAD] for row in tokens.tolist()]
    return [(*before, *after) for before, after in zip(read, ids.tolist(), strict=True)]


def test_an_epoch_is_every_lesson_once(made: tiger_retriever.TigerRetriever) -> None:
    """In as many batches as two users each make, in another order every epoch, and in the same when asked again."""
    told = lessons(LOG, 6)
    everything = sorted(rows(made._read(told.histories), torch.from_numpy(made.known.ids[told.targets])))
    first, second = made.batches(LOG, 1), made.batches(LOG, 2)
    assert len(first) == -(-int((LENGTHS >= 2).sum()) // 2)
    for batches in (first, second):
        assert sorted(row for batch in batches for row in rows(*batch)) == everything
    assert [rows(*batch) for batch in first] != [rows(*batch) for batch in second]
    assert [rows(*batch) for batch in first] == [rows(*batch) for batch in made.batches(LOG, 1)]


def test_histories_of_one_batch_are_of_like_length(made: tiger_retriever.TigerRetriever) -> None:
    """Users at random would be padded to the longest: a third of the places; and batches do not come by length."""
    batches = made.batches(LOG, 1)
    places = np.array([tokens.shape[1] for tokens, _ in batches])
    padding = sum(int((tokens == Vocabulary.PAD).sum()) for tokens, _ in batches)
    assert padding < 0.15 * sum(tokens.numel() for tokens, _ in batches)
    assert (np.diff(places) < 0).any()
    assert (np.diff(places) > 0).any()
