"""How a generator learns (torch): seeded AdamW with warm-up, the best checkpoint kept, stop and resume between epochs.

One rank runs this loop over its own batches; several do so beside each other when `learner` is the model wrapped in
`DistributedDataParallel`, which averages gradients, and each rank gets as many batches as the others.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from math import cos, isfinite, pi

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from semid.downstream import device
from semid.errors import ConfigError, StoredDataError
from semid.quantize.rqvae_module import repeatable

Batches = Callable[[int], list[tuple[Tensor, ...]]]
"""What gives the batches of an epoch (from 1), the same ones each time it is asked."""


@dataclass(frozen=True)
class TrainingParams:
    """Hyper-parameters of the training.

    Args:
        epochs: Most passes over the batches; the learning rate falls to zero along a cosine over them.
        learning_rate: Of AdamW (arXiv 1711.05101), behind the warm-up.
        warm_up: Steps in which the learning rate rises from zero.
        weight_decay: Of AdamW, on matrices.
        clip: Largest norm of a step's gradient.
        patience: Stop after this many judgements without a better one.
        judge_every: Epochs between judgements.
        seed: Of dropout.
        threads: Threads of torch; another number rounds differently and gives other bytes.
    """

    epochs: int = 40
    learning_rate: float = 1e-3
    warm_up: int = 200
    weight_decay: float = 0.01
    clip: float = 1.0
    patience: int = 5
    judge_every: int = 1
    seed: int = 0
    threads: int = 1


@dataclass(frozen=True)
class State:
    """A training between two epochs.

    Args:
        epoch: Epochs done.
        best: Best judgement so far, the larger the better.
        waited: Judgements since then.
        tensors: The weights now under `model.`, those of the best judgement under `best.`, AdamW's averages under
            `optimizer.`.
    """

    epoch: int
    best: float
    waited: int
    tensors: dict[str, Tensor]

    @property
    def weights(self) -> dict[str, Tensor]:
        """The weights of the best judgement, by name, for `load_state_dict`."""
        return _under("best.", self.tensors)

    def to_bytes(self) -> bytes:
        """Return the state as a safetensors file, the same bytes each time for equal states."""
        facts = json.dumps({"epoch": self.epoch, "best": self.best, "waited": self.waited}, sort_keys=True)
        return bytes(
            save({name: self.tensors[name].contiguous() for name in sorted(self.tensors)}, {"training": facts})
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> State:
        """Return the state that `to_bytes` wrote.

        Raises:
            StoredDataError: When the bytes are none, or hold numbers that are not finite.
        """
        try:
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            state = cls(**json.loads(header["__metadata__"]["training"]), tensors=load(data))
        except (SafetensorError, LookupError, TypeError, ValueError) as error:
            raise StoredDataError(
                f"not a training checkpoint ({len(data)} bytes): {type(error).__name__}: {error}",
                next_step="Delete it: the training then begins anew.",
            ) from error
        if broken := sorted(name for name, tensor in state.tensors.items() if not tensor.isfinite().all()):
            raise StoredDataError(
                f"{len(broken)} arrays of the checkpoint are not finite",
                problems=broken,
                next_step="Delete it and train anew with a lower learning_rate.",
            )
        return state


def _nothing(*_: object) -> None:
    """Take what is told and do nothing."""


@dataclass(frozen=True)
class Watch:
    """What a training tells and asks between epochs.

    Args:
        progress: Told the epoch with `loss` and, when judged, `judgement`.
        keep: Told the state, to store `State.to_bytes()`.
        stop: Asked before each epoch; True ends the training, which can be resumed.
        resume: Where to go on from.
    """

    progress: Callable[[int, dict[str, float]], None] = _nothing
    keep: Callable[[State], None] = _nothing
    stop: Callable[[], object] = _nothing
    resume: State | None = None


def train(
    learner: nn.Module,
    batches: Batches,
    judge: Callable[[], float],
    params: TrainingParams,
    watch: Watch | None = None,
) -> State:
    """Let `learner` learn until its epochs are over, the judge sees no progress or it is stopped.

    Same weights, batches, params and machine: same bytes, also when stopped after any epoch and resumed. Global torch
    settings are put back.

    Args:
        learner: Returns the loss of a batch's tensors; has the best judged weights in the end.
        batches: The batches of each epoch, one number of them in every epoch.
        judge: Says how good the learner is now, without gradients; the larger the better.
        params: Hyper-parameters.
        watch: Progress, checkpoints, a reason to stop and where to go on from.

    Raises:
        StoredDataError: When the state to resume is of another learner.
        ConfigError: When the loss of an epoch is not finite.
    """
    watch = watch or Watch()
    optimizer = torch.optim.AdamW(_groups(learner, params.weight_decay))
    state = watch.resume or State(0, -torch.inf, 0, _snapshot(learner, optimizer))
    _restore(learner, optimizer, state)
    with repeatable(params.threads), torch.random.fork_rng():
        while state.epoch < params.epochs and state.waited < params.patience and not watch.stop():
            loss = _epoch(learner, optimizer, batches(state.epoch + 1), params, state.epoch)
            state, facts = _after_epoch(state, learner, optimizer, judge, params)
            watch.progress(state.epoch, {"loss": loss, **facts})
            watch.keep(state)
    if state.weights:
        learner.load_state_dict(state.weights)
    return state


def _epoch(
    learner: nn.Module,
    optimizer: torch.optim.AdamW,
    batches: list[tuple[Tensor, ...]],
    params: TrainingParams,
    done: int,
) -> float:
    """Return the mean loss of a pass over `batches`, after `done` epochs."""
    torch.manual_seed(params.seed * 1_000_003 + done)  # dropout of an epoch does not depend on those before it
    learner.train()
    losses, where = [], device.of(learner)
    for number, batch in enumerate(batches):
        step = done * len(batches) + number
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, params.epochs * len(batches), params)
        optimizer.zero_grad()
        loss = learner(*(tensor.to(where) for tensor in batch))
        loss.backward()
        nn.utils.clip_grad_norm_(learner.parameters(), params.clip)
        optimizer.step()
        losses.append(loss.detach())
    mean = float(torch.stack(losses).mean())
    if not isfinite(mean):
        raise ConfigError(
            f"the loss is {mean} in epoch {done + 1}",
            where="learning_rate, warm_up, clip",
            next_step="Train anew with a lower learning_rate; the checkpoint of the epoch before is whole.",
        )
    return mean


def learning_rate(step: int, steps: int, params: TrainingParams) -> float:
    """Return the learning rate of a step (from 0) of `steps`: up in a line, down along a cosine."""
    return params.learning_rate * min((step + 1) / params.warm_up, 1) * (1 + cos(pi * step / steps)) / 2


def _after_epoch(
    state: State,
    learner: nn.Module,
    optimizer: torch.optim.AdamW,
    judge: Callable[[], float],
    params: TrainingParams,
) -> tuple[State, dict[str, float]]:
    """Return the state after one more epoch, and the judgement when it was time for one."""
    epoch, now, best = state.epoch + 1, _snapshot(learner, optimizer), _with("best.", state.weights)
    if epoch % params.judge_every and epoch < params.epochs:
        return State(epoch, state.best, state.waited, now | best), {}
    learner.eval()
    with torch.inference_mode():
        judgement = judge()
    if judgement > state.best:
        state = State(epoch, judgement, -1, {})
        best = {name: tensor.clone() for name, tensor in _with("best.", _under("model.", now)).items()}
    return State(epoch, state.best, state.waited + 1, now | best), {"judgement": judgement}


def _groups(learner: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Return the parameters in two groups: matrices with weight decay, the rest without."""
    parameters = list(learner.parameters())
    return [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]


def _snapshot(learner: nn.Module, optimizer: torch.optim.AdamW) -> dict[str, Tensor]:
    """Return copies of the weights and of AdamW's averages."""
    found = {f"model.{name}": tensor for name, tensor in learner.state_dict().items()}
    for number, averages in optimizer.state_dict()["state"].items():
        found |= {f"optimizer.{number}.{name}": tensor for name, tensor in averages.items()}
    return {name: tensor.detach().cpu().clone() for name, tensor in found.items()}


def _restore(learner: nn.Module, optimizer: torch.optim.AdamW, state: State) -> None:
    """Put weights and averages back, or raise StoredDataError naming every array that does not fit."""
    weights, own = _under("model.", state.tensors), learner.state_dict()
    wrong = sorted(weights.keys() ^ own.keys())
    wrong += sorted(name for name in weights.keys() & own.keys() if weights[name].shape != own[name].shape)
    if wrong:
        raise StoredDataError(
            f"{len(wrong)} arrays of the checkpoint are not those of this model",
            problems=wrong,
            next_step="Resume with the IDs and sizes that the training began with, or delete the checkpoint.",
        )
    learner.load_state_dict(weights)
    averages: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under("optimizer.", state.tensors).items():
        number, _, part = name.partition(".")
        averages.setdefault(int(number), {})[part] = tensor.clone()  # AdamW writes into what it is given
    optimizer.load_state_dict({**optimizer.state_dict(), "state": averages})


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _with(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with `prefix` before each name."""
    return {prefix + name: tensor for name, tensor in tensors.items()}
