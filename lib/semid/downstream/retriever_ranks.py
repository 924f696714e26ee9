"""A generator that several processes learn (torch): each takes its part of every step, gradients are averaged.

Synchronous data parallelism (Li et al., "PyTorch distributed", VLDB 2020): all processes hold the same weights after
every step, and a step reads as many histories as that of one process.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from semid.downstream.corpus import Corpus
from semid.downstream.device import put
from semid.downstream.kept import kept_watch
from semid.downstream.plan import Plan
from semid.downstream.retriever import Retriever, fit, retriever
from semid.downstream.training import TrainingParams, Watch
from semid.errors import ConfigError
from semid.quantize.process_group import process_group

Told = TypeVar("Told")


@dataclass(frozen=True)
class RankTask:
    """What every process learns.

    Attributes:
        corpus: All histories; a process learns from its part of each epoch's batches.
        plan: The generator; its batch counts the histories of all processes.
        params: How it learns.
        minutes: Of the first process's CPU, after which the training ends.
        checkpoint: A file that all processes see; None keeps nothing between epochs.
        device: Of every process, see `device.put`.
    """

    corpus: Corpus
    plan: Plan
    params: TrainingParams
    minutes: float
    checkpoint: Path | None
    device: str = "cpu"


def refuse_small(task: RankTask, ranks: int) -> None:
    """Raise ConfigError when an epoch has fewer batches than there are to be processes."""
    batches = len(_part_of(task, ranks).batches(task.corpus.split.train, 1))
    if batches < ranks:
        raise ConfigError(
            f"an epoch has {batches} batches for {ranks} processes",
            where="--processes, --batch",
            next_step="train with fewer processes, or with a smaller --batch",
        )


def train_rank(task: RankTask) -> bytes:
    """In a process that torchrun started: learn with the others; return the best weights as `State.to_bytes` does.

    Every rank returns the same bytes.
    """
    with process_group(task.device) as (rank, ranks):
        if rank == 0:
            logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%T")
        made = _part_of(task, ranks)
        put(made.model, task.device)
        # Other dropout on each, or equal places of all parts would fall out together.
        params = replace(task.params, seed=task.params.seed + 7_919 * rank)
        share = Ranks(rank, ranks)
        state = fit(made, task.corpus, params, _watch(task, share), share)
        weights = {f"best.{name}": tensor.cpu() for name, tensor in made.model.state_dict().items()}
        return replace(state, tensors=weights).to_bytes()


@dataclass(frozen=True)
class Ranks:
    """One process's share of a training, see `retriever.Share`."""

    rank: int
    ranks: int

    def learner(self, model: nn.Module) -> nn.Module:
        """Return the model with gradients averaged over the processes."""
        return DistributedDataParallel(model, broadcast_buffers=False)  # they follow from the IDs, and never change

    def part(self, batches: list[tuple[Tensor, ...]]) -> list[tuple[Tensor, ...]]:
        """Return every `ranks`-th batch, as many as the others have."""
        return batches[self.rank :: self.ranks][: len(batches) // self.ranks]

    def agreed(self, asked: Callable[[], Told]) -> Told:
        """Return what the first process says: others could differ in a last bit, and wait for ever."""
        told: list[Any] = [asked() if self.rank == 0 else None]
        distributed.broadcast_object_list(told)
        answer: Told = told[0]
        return answer


def _watch(task: RankTask, share: Ranks) -> Watch:
    """Return a watch that stops all of them when the first one has had its minutes; that one alone tells and keeps."""
    own = kept_watch(task.checkpoint, task.params.epochs, task.minutes)
    shared = Watch(stop=lambda: share.agreed(own.stop), resume=own.resume)
    return replace(shared, progress=own.progress, keep=own.keep) if share.rank == 0 else shared


def _part_of(task: RankTask, ranks: int) -> Retriever:
    """Return a generator whose batches are a process's part of a step."""
    return retriever(task.corpus.known, replace(task.plan, batch=max(1, task.plan.batch // ranks)))
