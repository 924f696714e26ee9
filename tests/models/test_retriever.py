"""Generators behind one face: both kinds learn a walk through a catalog in which items have changed their IDs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from semid.downstream import retriever
from semid.downstream.corpus import Corpus, KnownIds, corpus
from semid.downstream.plan import Plan
from semid.downstream.retriever_ranks import RankTask, train_rank
from semid.downstream.sequences import histories
from semid.downstream.training import State, TrainingParams, Watch
from semid.downstream.vocabulary import Vocabulary
from semid.errors import ConfigError
from tests import ranks

ITEMS, STEPS = 12, 6
VOCABULARY = Vocabulary(sizes=(4, 2), duplicates=2, users=5)
SHAPES = {
    "decoder": {"width": 32, "heads": 2, "hidden": 64, "dropout": 0},
    "tiger": {"width": 32, "layers": 1, "heads": 2, "head_width": 16, "hidden": 64, "dropout": 0},
}


def id_of(item: int, old: bool = False) -> list[int]:
    """Item 7 had another ID before; all others have one."""
    return [3, 1, 0] if old and item == 7 else [item // 4, item // 2 % 2, item % 2]


def tokens(item: int, old: bool = False) -> list[int]:
    return [code + first for code, first in zip(id_of(item, old), VOCABULARY.level_offsets, strict=True)]


@pytest.fixture(scope="module")
def walks() -> Corpus:
    """Sixty users who walk through the items in order; the first three events carry old IDs; item 11 is removed."""
    past = [[(user + step) % ITEMS for step in range(STEPS)] for user in range(60)]
    sequences = {
        "user_id": [f"u{user:02d}" for user in range(60)],
        "item_ids": [[f"i{item:02d}" for item in run] for run in past],
        "tokens": [[tokens(item, old=step < 3) for step, item in enumerate(run)] for run in past],
        "train": [STEPS - 2] * 60,
        "valid": [STEPS - 2] * 60,
        "test": [None, *[STEPS - 1] * 59],
    }
    current = {"item_id": [f"i{item:02d}" for item in range(11)], "tokens": [tokens(item) for item in range(11)]}
    return corpus(pa.table(sequences), pa.table(current), VOCABULARY)


def test_a_corpus_knows_old_ids_and_removed_items(walks: Corpus) -> None:
    """Thirteen IDs: old ones lead to what the item has now, a removed item to nothing, and it is no target."""
    known = walks.known
    assert len(known.ids) == ITEMS + 1
    row = {tuple(levels): n for n, levels in enumerate(known.ids.tolist())}
    old, now, removed = row[3, 1, 0], row[1, 1, 1], row[2, 1, 1]
    assert known.now[[old, now, removed]].tolist() == [now, now, -1]
    assert [known.item_ids[n] for n in (old, now, removed)] == ["i07", "i07", "i11"]
    assert known.tables.ids == 11
    assert walks.left_out == 10  # each of the 12 items is the fifth of 5 users and the sixth of 5
    assert removed not in {*walks.split.valid.targets, *walks.split.test.targets}
    assert len(walks.split.test.targets) == 59 - 5


@pytest.mark.parametrize("kind", ["decoder", "tiger"])
def test_both_kinds_learn_the_walk_and_answer_alike_from_a_folder(kind: str, walks: Corpus, tmp_path: Path) -> None:
    """The next item stands first for most; a saved model gives the same lists; the same seed, the same bytes."""
    plan = Plan(kind, SHAPES[kind], history=3, batch=10, seed=1)
    params = TrainingParams(epochs=30, learning_rate=1e-2, warm_up=10, patience=30)
    test = walks.split.test

    def trained(params: TrainingParams, watch: Watch) -> tuple[retriever.Retriever, bytes]:
        made = retriever.retriever(walks.known, plan)
        return made, retriever.fit(made, walks, params, watch).to_bytes()

    kept: list[retriever.State] = []
    made, whole = trained(params, Watch(keep=kept.append))
    lists = retriever.ranked(made, test.histories, walks.known, 10)
    assert (lists[:, 0] == test.targets).mean() > 0.7  # one of eleven by chance
    assert 0 <= retriever.invalid_share(made, test.histories, walks.known, 10) <= 1
    retriever.save(tmp_path, made, walks.known, plan, {})
    loaded, known = retriever.load(tmp_path)
    np.testing.assert_array_equal(retriever.ranked(loaded, test.histories, known, 10), lists)
    assert trained(params, Watch(resume=kept[9]))[1] == whole


@pytest.mark.parametrize("kind", ["decoder", "tiger"])
def test_two_processes_hold_the_same_weights_and_learn_the_walk(kind: str, walks: Corpus, tmp_path: Path) -> None:
    """Byte for byte the same on both, and as good as those of one process."""
    plan = Plan(kind, SHAPES[kind], history=3, batch=20, seed=1)
    params = TrainingParams(epochs=30, learning_rate=1e-2, warm_up=10, patience=30)
    task = RankTask(walks, plan, params, minutes=60, checkpoint=tmp_path / "checkpoint.safetensors")
    one, two = ranks.train(train_rank, task, tmp_path, 2)
    assert one == two
    made = retriever.retriever(walks.known, plan)
    made.model.load_state_dict(State.from_bytes(one).weights)
    made.model.eval()
    test = walks.split.test
    assert (retriever.ranked(made, test.histories, walks.known, 10)[:, 0] == test.targets).mean() > 0.7
    assert State.from_bytes((tmp_path / "checkpoint.safetensors").read_bytes()).epoch == State.from_bytes(one).epoch


def test_a_saved_corpus_is_the_same(walks: Corpus, tmp_path: Path) -> None:
    """Rows, items and what they are now."""
    walks.known.save(tmp_path / "ids.parquet")
    found = KnownIds.load(tmp_path / "ids.parquet", VOCABULARY)
    for name in ("ids", "item_ids", "now"):
        np.testing.assert_array_equal(getattr(found, name), getattr(walks.known, name))


def test_wrong_sizes_are_refused_together(walks: Corpus) -> None:
    """A name that the kind lacks, half a layer, a dropout of 1: one message."""
    with pytest.raises(ConfigError) as refused:
        retriever.retriever(walks.known, Plan("tiger", {"code_layers": 1, "layers": 0.5, "dropout": 1}))
    assert len(refused.value.problems) == 3


def test_what_a_search_of_few_ids_fills_its_width_with_is_no_answer() -> None:
    """A decoder that knows three IDs says no fourth: none of what it says is invalid."""
    ids = np.array([[0, 0, 0], [0, 1, 0], [2, 1, 1]], np.int32)
    known = KnownIds(VOCABULARY, ids, np.array(["a", "b", "c"]), np.arange(3, dtype=np.int32))
    made = retriever.retriever(known, Plan("decoder", SHAPES["decoder"], history=3))
    log = histories(np.zeros(2, np.int64), np.arange(2, dtype=np.int32), np.arange(2))
    assert retriever.invalid_share(made, log, known, 10) == 0
