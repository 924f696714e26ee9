"""A search index of forty items: learns their queries, answers alike from a folder, is the same when resumed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semid.downstream import searcher
from semid.downstream.corpus import KnownIds
from semid.downstream.plan import SearchPlan
from semid.downstream.queries import Parts, Queries
from semid.downstream.training import State, TrainingParams, Watch
from semid.downstream.vocabulary import Vocabulary
from semid.errors import ConfigError

ITEMS = 40
VOCABULARY = Vocabulary(sizes=(10, 2), duplicates=2, users=0)
SHAPES = {
    "decoder": {"width": 32, "dropout": 0},
    "tiger": {"width": 32, "heads": 2, "head_width": 16, "hidden": 64, "layers": 1, "dropout": 0},
}
PARAMS = TrainingParams(epochs=15, learning_rate=1e-2, warm_up=10, patience=15)


def queries(numbers: range) -> Queries:
    """A query per item and number: a word of the item's own among those that all items share."""
    texts = [f"Shop-{n % 8} thing{item} word{(n + item) % 7}" for item in range(ITEMS) for n in numbers]
    return Queries(tuple(texts), np.repeat(np.arange(ITEMS), len(numbers)))


@pytest.fixture
def known() -> KnownIds:
    """Rows in an order that is not that of the IDs."""
    codes = np.array([[n // 4, n // 2 % 2] for n in range(ITEMS)])[::-1]
    names = np.array([f"i{n}" for n in range(ITEMS)])
    return KnownIds(VOCABULARY, VOCABULARY.ids(codes, np.arange(ITEMS) % 2), names, np.arange(ITEMS, dtype=np.int32))


PARTS = Parts(queries(range(8)), queries(range(8, 10)), queries(range(10, 14)))


@pytest.mark.parametrize("kind", ["decoder", "tiger"])
def test_both_kinds_learn_queries_and_answer_alike_from_a_folder(kind: str, known: KnownIds, tmp_path: Path) -> None:
    """The wanted item stands first for most queries never seen; the same seed, the same bytes, stopped or not."""
    plan = SearchPlan(kind, SHAPES[kind], words=4, buckets=500, batch=16, seed=1)

    def trained(watch: Watch) -> tuple[searcher.Searcher, bytes]:
        made = searcher.Searcher(known, plan)
        return made, searcher.fit(made, known, PARTS, PARAMS, watch).to_bytes()

    kept: list[State] = []
    made, whole = trained(Watch(keep=kept.append))
    texts, wanted = list(PARTS.judged.texts), PARTS.judged.items
    lists = searcher.ranked(made, texts, known, 12)
    assert (lists[:, 0] == wanted).mean() > 0.6  # one of forty by chance
    assert all(len(set(row)) == 10 for row in lists.tolist())
    searcher.save(tmp_path, made, known, {"told": "twice"})
    loaded, names = searcher.load(tmp_path)
    np.testing.assert_array_equal(searcher.ranked(loaded, texts, names, 12), lists)
    assert names.item_ids.tolist() == known.item_ids.tolist()
    assert trained(Watch(resume=kept[9]))[1] == whole


@pytest.mark.parametrize("kind", ["decoder", "tiger"])
def test_a_query_does_not_depend_on_those_beside_it(kind: str, known: KnownIds) -> None:
    """Longer ones pad it, and one without a word answers something: a user's slip is no error."""
    made = searcher.Searcher(known, SearchPlan(kind, SHAPES[kind], words=4, buckets=500))
    alone = searcher.ranked(made, ["thing3"], known, 12)
    beside = searcher.ranked(made, ["thing3 and three more", "thing3", "!!!"], known, 12)
    assert beside[1].tolist() == alone[0].tolist()
    assert beside[0].tolist() != alone[0].tolist()
    assert (beside >= 0).all()
    assert searcher.ranked(made, [], known, 12).shape == (0, 10)


def test_wrong_sizes_are_refused_together(known: KnownIds) -> None:
    with pytest.raises(ConfigError) as refused:
        searcher.Searcher(known, SearchPlan("decoder", {"history": 3, "width": 0.5}))
    assert len(refused.value.problems) == 2
