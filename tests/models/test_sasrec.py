import numpy as np
import pytest
import torch
from torch.nn import functional as F

from semid.downstream.sasrec import Sasrec, SasrecParams, _batches, _loss, fit_sasrec
from semid.measure.retrieval import hits_of, per_user

PARAMS = SasrecParams(width=16, length=6, dropout=0.1, batch=32, negatives=30, learning_rate=0.01, epochs=12)
ITEMS = 30


def walks(users, seed):
    """The next item is the last plus the one before, modulo 30: the last alone does not tell."""
    table = np.random.default_rng(seed).integers(ITEMS, size=(users, 8))
    for place in range(2, 8):
        table[:, place] = (table[:, place - 1] + 1 + 7 * (table[:, place - 2] % 2)) % ITEMS
    return table


def accuracy(model, table):
    """Nothing is hidden for having been seen: walks come back."""
    recent = torch.from_numpy(table[:, 1:7])
    with torch.no_grad():
        best = model.eval().scores(model(recent)[:, -1]).argmax(dim=1).numpy()
    return float((best == table[:, 7]).mean())


@pytest.fixture(scope="module")
def trained():
    said = []

    def judge(model):
        return accuracy(model, walks(100, 1))

    model = fit_sasrec(
        walks(400, 0), ITEMS, judge, np.random.default_rng(0), PARAMS, lambda _, m: said.append(m["judge"])
    )
    return model, said


def test_it_learns_a_rule_that_needs_two_items(trained):
    """Half the walks need the item before the last; without it 1 of 2 would be right."""
    model, said = trained
    assert accuracy(model, walks(200, 2)) > 0.9
    assert accuracy(model, walks(100, 1)) == max(said)


def test_no_item_sees_the_ones_after_it_or_the_padding(trained):
    model, _ = trained
    model.eval()
    short = torch.tensor([[3, 4, 5, ITEMS, ITEMS, ITEMS]])
    other = torch.tensor([[3, 4, 5, 9, 8, 7]])
    torch.testing.assert_close(model(short)[:, :3], model(other)[:, :3])
    torch.testing.assert_close(model(short)[:, :3], model(short[:, :3]))


def test_lists_are_of_the_last_items_wherever_padding_stands(trained):
    model, _ = trained
    left, right = np.array([[-1, -1, 5, 6]]), np.array([[5, 6, -1, -1]])
    ranked = model.recommend(left, 10)
    np.testing.assert_array_equal(ranked, model.recommend(right, 10))
    assert not np.isin(ranked, [5, 6]).any()
    long = np.arange(9)[None]
    with torch.no_grad():
        scores = model.scores(model(torch.arange(3, 9)[None])[:, -1])[0]
    scores[torch.arange(9)] = -torch.inf
    assert model.recommend(long, 5)[0].tolist() == scores.argsort(descending=True)[:5].tolist()


def test_as_many_negatives_as_items_give_the_softmax_over_the_catalog():
    torch.manual_seed(0)
    model = Sasrec(ITEMS, PARAMS).eval()
    states, wanted = torch.randn(7, 16), torch.arange(7)
    torch.testing.assert_close(_loss(model, states, wanted), F.cross_entropy(model.scores(states), wanted))


def test_the_seed_decides_everything_and_torch_is_left_as_it_was():
    def judge(model):
        return accuracy(model, walks(20, 1))

    short = SasrecParams(**{**vars(PARAMS), "epochs": 2})
    before = torch.get_rng_state()
    fits = [fit_sasrec(walks(60, 0), ITEMS, judge, np.random.default_rng(seed), short) for seed in (3, 3, 4)]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(fits[0].items.weight, fits[1].items.weight)
    assert not torch.equal(fits[0].items.weight, fits[2].items.weight)


def test_training_beats_popularity_at_ranking(trained):
    model, _ = trained
    table = walks(200, 5)
    fresh = table[(table[:, 7, None] != table[:, :7]).all(axis=1)]
    values = per_user(hits_of(model.recommend(fresh[:, :7], 10), fresh[:, 7]), cutoffs=(5, 10))
    assert values["recall_5"].mean() > 0.9


def test_a_batch_has_histories_of_similar_length_and_every_user_is_in_one():
    lengths = np.random.default_rng(0).integers(2, 50, size=1_000)
    batches = _batches(lengths, 100, np.random.default_rng(1))
    assert sorted(np.concatenate(batches).tolist()) == list(range(1_000))
    assert max(np.ptp(lengths[rows]) for rows in batches) <= 10
    starts = [lengths[rows].min() for rows in batches]
    assert starts != sorted(starts)
