import numpy as np
import pytest
import torch

from semid.downstream.bags import Bags, raw_ids
from semid.downstream.item_bag import ItemBag
from semid.downstream.ngrams import prefix_ngrams
from semid.downstream.ranker import Ranker, RankerParams, against_shuffled, every_step, fit_ranker
from semid.downstream.sequences import histories
from semid.measure.ranking import auc

ITEMS, TOPICS = 60, 6
CODES = np.stack([np.arange(ITEMS) % TOPICS, np.arange(ITEMS) // TOPICS], axis=1).astype(np.int32)
SIZES = (TOPICS, ITEMS // TOPICS)
PARAMS = RankerParams(length=5, epochs=8, batch=256, learning_rate=0.01)


def clicks(allowed, users, seed):
    """Users who stay with one topic."""
    rng = np.random.default_rng(seed)
    topic = np.repeat(rng.integers(TOPICS, size=users), 6)
    items = np.array([rng.choice(allowed[CODES[allowed, 0] == t]) for t in topic])
    return every_step(histories(np.repeat(np.arange(users), 6), items, np.tile(np.arange(6), users)), PARAMS.length)


def test_an_item_is_the_sum_of_its_rows_and_no_item_is_zero():
    layer = ItemBag(Bags(np.array([[0, 3], [1, 2]], np.int32), 3), 4)
    out = layer(torch.tensor([[0, 1], [-1, 0]]))
    table = layer.table.weight
    assert out.shape == (2, 2, 4)
    torch.testing.assert_close(out[0, 1], table[1] + table[2])
    torch.testing.assert_close(out[1, 1], table[0])
    assert not out[1, 0].any()


def test_an_empty_place_stays_zero_through_training():
    layer = ItemBag(Bags(np.array([[0, 1]], np.int32), 1), 4)
    layer(torch.tensor([0, -1])).sum().backward()
    assert not layer.table.weight.grad[1].any()
    assert layer.table.weight.grad[0].all()


def test_every_step_of_a_history_is_an_example_with_what_came_before():
    log = histories(np.array([0, 0, 0, 1, 2, 2]), np.array([5, 6, 7, 8, 3, 4]), np.arange(6))
    history, item = every_step(log, 2)
    assert item.tolist() == [6, 7, 4]
    assert history.tolist() == [[-1, 5], [5, 6], [-1, 3]]


def test_every_item_is_shown_in_vain_as_often_as_it_is_clicked():
    history, item = np.arange(20, dtype=np.int32).reshape(10, 2), np.arange(10, dtype=np.int32) % 3
    shown = against_shuffled(history, item, 2, np.random.default_rng(0))
    assert shown.clicked.sum() == 10
    np.testing.assert_array_equal(shown.item[shown.clicked], item)
    in_vain = np.bincount(shown.item[~shown.clicked])
    assert in_vain.tolist() == (2 * np.bincount(item)).tolist()
    np.testing.assert_array_equal(shown.history[10:20], history)


@pytest.fixture(scope="module")
def trained():
    """Models of raw ids and of prefixes, trained without the last item of each topic."""
    warm, cold = np.arange(ITEMS - TOPICS), np.arange(ITEMS - TOPICS, ITEMS)
    seen = clicks(warm, 300, 0)
    judge = against_shuffled(*clicks(warm, 60, 1), 2, np.random.default_rng(1))
    bags = {"raw": raw_ids(ITEMS), "prefixes": prefix_ngrams(CODES, SIZES, 1_000)}
    models = {name: fit_ranker(bag, seen, judge, np.random.default_rng(2), PARAMS) for name, bag in bags.items()}
    tests = [
        against_shuffled(clicks(warm, 100, 3)[0], clicks(part, 100, 3)[1], 2, np.random.default_rng(3))
        for part in (warm, cold)
    ]
    return {name: [auc(model.logits(test), test.clicked).value for test in tests] for name, model in models.items()}


def test_prefixes_know_an_item_that_never_trained_and_raw_ids_do_not(trained):
    warm, cold = trained["prefixes"]
    assert warm > 0.9
    assert cold > 0.85
    warm, cold = trained["raw"]
    assert warm > 0.9
    assert cold < 0.65  # six rows as they were drawn


def test_the_epoch_that_judges_best_is_returned_and_the_seed_decides_all():
    seen = clicks(np.arange(ITEMS), 60, 0)
    judge = against_shuffled(*clicks(np.arange(ITEMS), 20, 1), 2, np.random.default_rng(1))
    said: list[float] = []
    fits = [
        fit_ranker(
            raw_ids(ITEMS), seen, judge, np.random.default_rng(seed), PARAMS, lambda _, m: said.append(m["judge"])
        )
        for seed in (0, 0, 1)
    ]
    logits = [model.logits(judge) for model in fits]
    np.testing.assert_array_equal(logits[0], logits[1])
    assert (logits[0] != logits[2]).any()
    loss = np.logaddexp(0, logits[0]) - judge.clicked * logits[0]
    assert loss.mean() == pytest.approx(-max(said[: len(said) // 3]))


def test_the_number_of_known_items_does_not_scale_a_user():
    model = Ranker(raw_ids(ITEMS), PARAMS).eval()
    one, twice = torch.tensor([[-1, -1, 4]]), torch.tensor([[-1, 4, 4]])
    torch.testing.assert_close(model(one, torch.tensor([9])), model(twice, torch.tensor([9])))
