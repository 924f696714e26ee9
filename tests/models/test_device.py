"""What a generator needs to compute on a GPU, checked without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from semid.downstream import beam, device, retriever, searcher
from semid.downstream.corpus import KnownIds
from semid.downstream.plan import Plan, SearchPlan
from semid.downstream.queries import Queries
from semid.downstream.sequences import Histories, histories
from semid.downstream.vocabulary import Vocabulary
from semid.errors import EnvironmentFault

VOCABULARY = Vocabulary(sizes=(3, 2), duplicates=2)
SHAPES = {
    "decoder": {"width": 8, "heads": 2, "hidden": 16},
    "tiger": {"width": 8, "heads": 2, "head_width": 4, "hidden": 16},
}
MAKERS = (torch.arange, torch.empty, torch.eye, torch.full, torch.linspace, torch.ones, torch.tensor, torch.zeros)


class SaysWhere(TorchFunctionMode):
    """Refuses a tensor that is made without a device: it would be on the CPU, wherever the model is."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if function in MAKERS:
            assert (kwargs or {}).get("device") is not None, f"{function} without a device"
        return function(*args, **(kwargs or {}))


@pytest.fixture
def known() -> KnownIds:
    codes, names = np.array([[n // 4, n // 2 % 2] for n in range(12)]), np.array([f"i{n}" for n in range(12)])
    return KnownIds(VOCABULARY, VOCABULARY.ids(codes, np.arange(12) % 2), names, np.arange(12, dtype=np.int32))


@pytest.fixture
def log() -> Histories:
    users, steps = np.repeat(np.arange(20), 4), np.tile(np.arange(4), 20)
    return histories(users, (users + steps) % 12, steps)


@pytest.mark.parametrize("kind", ["decoder", "tiger"])
def test_all_tensors_are_made_where_the_model_is(kind: str, known: KnownIds, log: Histories) -> None:
    """A step of learning, a search among valid IDs and a free one name a device for whatever they make."""
    made = retriever.retriever(known, Plan(kind, SHAPES[kind], history=3))
    (batch,) = made.batches(log, 1)
    with SaysWhere():
        made.model(*batch).backward()
        for rule in (beam.OnlyValid(known.tables, device.of(made.model)), beam.Anything(VOCABULARY.level_sizes)):
            beam.search(made.begin(log), rule, 3)


@pytest.mark.parametrize(("kind", "shape"), [("decoder", {"width": 8}), ("tiger", SHAPES["tiger"])])
def test_a_search_index_makes_all_tensors_where_it_is(kind: str, shape: dict[str, int], known: KnownIds) -> None:
    """A step of learning, and a search."""
    made = searcher.Searcher(known, SearchPlan(kind, shape, buckets=50))
    (batch,) = made.batches(Queries(("red soap", "comb"), np.array([3, 5])), 1)
    with SaysWhere():
        made.model(*batch).backward()
        searcher.ranked(made, ["soap", ""], known, 10)


def test_a_missing_gpu_is_said_before_anything_is_moved(monkeypatch: pytest.MonkeyPatch, known: KnownIds) -> None:
    """No quiet training on the CPU."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    made = retriever.retriever(known, Plan("decoder", SHAPES["decoder"]))
    with pytest.raises(EnvironmentFault, match="sees no usable GPU here"):
        device.put(made.model, "cuda")
    assert device.of(made.model) == torch.device("cpu")
