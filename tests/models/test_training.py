import numpy as np
import pytest
import torch
from safetensors.torch import load

from semid.downstream.decoder import DecoderShape, HistoryDecoder, padded_right, rows_by_length
from semid.downstream.sequences import Histories, histories, lessons
from semid.downstream.tiger import Tiger, TigerShape
from semid.downstream.training import State, TrainingParams, Watch, learning_rate, train
from semid.downstream.vocabulary import Vocabulary, item_tokens
from semid.errors import ConfigError, StoredDataError

SHAPE = DecoderShape(width=16, layers=1, heads=2, hidden=32, dropout=0.1, history=6)
IDS = np.array([[a, b] for a in range(4) for b in range(3)], np.int32)
VOCABULARY = Vocabulary((4, 3), duplicates=0)
PARAMS = TrainingParams(epochs=4, learning_rate=1e-2, warm_up=5)


def circles(users: int = 60) -> Histories:
    """Every user goes around the twelve items from an item of their own: the next item is certain."""
    user, place = np.repeat(np.arange(users), 6), np.tile(np.arange(6), users)
    return histories(user, (user + place) % 12, place)


def batches(epoch: int) -> list[tuple[torch.Tensor, ...]]:
    rows = rows_by_length(circles(), 6, 20, np.random.default_rng([0, epoch]))
    return [(torch.from_numpy(table).long(),) for table in rows]


def learnt(params: TrainingParams = PARAMS, watch: Watch | None = None) -> tuple[HistoryDecoder, State]:
    model = HistoryDecoder(IDS, VOCABULARY, SHAPE, seed=1)
    every = torch.from_numpy(padded_right(circles())).long()
    return model, train(model, batches, lambda: -float(model(every)), params, watch)


def test_the_decoder_learns_a_rule_without_exception():
    """From ln 12 = 2.5 nats per item, what guessing costs, to near nothing."""
    model, state = learnt(TrainingParams(epochs=20, learning_rate=2e-2, warm_up=5))
    every = torch.from_numpy(padded_right(circles())).long()
    with torch.inference_mode():
        assert float(HistoryDecoder(IDS, VOCABULARY, SHAPE)(every)) > 2.3
        assert float(model.eval()(every)) == pytest.approx(-state.best)
    assert -state.best < 0.1


def test_tiger_learns_the_same_rule_from_lessons():
    """Read as tokens, left-padded: users and the two levels of up to five items before."""
    examples = lessons(circles(24), 5)
    vocabulary = Vocabulary((4, 3), duplicates=0, users=4)
    items = item_tokens(examples.histories.padded(5), vocabulary.tokens(IDS))
    users = vocabulary.user_tokens(examples.histories.users)
    batch = (torch.from_numpy(np.column_stack([users, items])).long(), torch.from_numpy(IDS[examples.targets]).long())
    model = Tiger(vocabulary, TigerShape(width=16, layers=1, heads=2, head_width=8, hidden=32, dropout=0), seed=1)
    params = TrainingParams(epochs=80, learning_rate=2e-2, warm_up=5, judge_every=80)
    state = train(model, lambda _: [batch], lambda: -float(model(*batch)), params)
    assert -state.best < 0.1


def test_the_same_seed_gives_the_same_bytes_and_global_settings_stay():
    first = learnt()[1].to_bytes()
    assert first == learnt()[1].to_bytes()
    assert first != learnt(TrainingParams(epochs=4, learning_rate=1e-2, warm_up=5, seed=9))[1].to_bytes()
    model = HistoryDecoder(IDS, VOCABULARY, SHAPE)
    before = torch.get_rng_state()
    train(model, batches, lambda: 0.0, PARAMS)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("done", [1, 3])
def test_a_stopped_and_resumed_training_gives_the_bytes_of_an_undisturbed_one(done):
    kept: list[bytes] = []
    learnt(watch=Watch(keep=lambda state: kept.append(state.to_bytes()), stop=lambda: len(kept) == done))
    assert len(kept) == done
    model, state = learnt(watch=Watch(resume=State.from_bytes(kept[-1])))
    assert state.to_bytes() == learnt()[1].to_bytes()
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in state.weights.items())


def test_the_best_judged_weights_are_kept_and_waiting_ends_the_training():
    """The judge likes epoch 2 best; two judgements later the training ends with the weights of epoch 2."""
    told, kept = iter([1.0, 3.0, 2.0, 0.0, 9.0]), []
    model = HistoryDecoder(IDS, VOCABULARY, SHAPE)
    facts = []
    watch = Watch(progress=lambda epoch, said: facts.append((epoch, said["judgement"])), keep=kept.append)
    params = TrainingParams(epochs=9, warm_up=5, patience=2)
    state = train(model, batches, lambda: next(told), params, watch)
    assert facts == [(1, 1.0), (2, 3.0), (3, 2.0), (4, 0.0)]
    assert (state.epoch, state.best, state.waited) == (4, 3.0, 2)
    second = kept[1].tensors["model.tree.code.weight"]
    assert torch.equal(model.tree.code.weight, second)
    assert not torch.equal(state.tensors["model.tree.code.weight"], second)


def test_the_learning_rate_rises_in_a_line_and_falls_along_a_cosine_to_zero():
    params = TrainingParams(learning_rate=2.0, warm_up=4)
    rates = [learning_rate(step, 1000, params) for step in (0, 1, 3, 500, 1000)]
    assert rates == pytest.approx([0.5, 1.0, 2.0, 1.0, 0.0], abs=1e-4)


def test_a_checkpoint_that_is_broken_or_of_another_model_is_refused():
    data = learnt(TrainingParams(epochs=1))[1].to_bytes()
    with pytest.raises(StoredDataError, match="not a training checkpoint"):
        State.from_bytes(data[: len(data) // 2])
    state = State.from_bytes(data)
    state.tensors["model.tree.code.weight"][0, 0] = torch.nan
    with pytest.raises(StoredDataError, match="not finite") as refused:
        State.from_bytes(state.to_bytes())
    assert refused.value.problems == ("model.tree.code.weight",)
    other = HistoryDecoder(IDS, VOCABULARY, DecoderShape(width=16, layers=2, heads=2, hidden=32, history=6))
    with pytest.raises(StoredDataError, match="not those of this model"):
        train(other, batches, lambda: 0.0, PARAMS, Watch(resume=State.from_bytes(data)))


def test_a_training_whose_loss_is_not_finite_ends():
    with pytest.raises(ConfigError, match="loss is nan in epoch 1"):
        learnt(TrainingParams(epochs=3, learning_rate=1e30, warm_up=1))


def test_batches_hold_every_history_that_teaches_once_and_change_by_epoch():
    log = histories([0, 0, 0, 1, 2, 2, 3, 3, 3, 3], range(10), range(10))
    tables = rows_by_length(log, 3, 2, np.random.default_rng(0))
    assert sorted(tuple(item for item in row if item >= 0) for table in tables for row in table.tolist()) == [
        (0, 1, 2),
        (4, 5),
        (7, 8, 9),
    ]
    orders = [[t.tolist() for t in rows_by_length(circles(), 6, 20, np.random.default_rng([0, e]))] for e in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def test_a_checkpoint_is_plain_safetensors():
    assert set(load(learnt(TrainingParams(epochs=1))[1].to_bytes())) >= {"best.norm.weight", "model.norm.weight"}
