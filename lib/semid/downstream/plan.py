"""Which generator is trained, and how it reads and learns: all that its files do not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from semid.errors import ConfigError

Shape = TypeVar("Shape", bound=Any)


@dataclass(frozen=True)
class Plan:
    """A generator to be.

    Args:
        kind: Its file: decoder or tiger.
        shape: Sizes that differ from the kind's own, see `DecoderShape` and `TigerShape`.
        history: Most items read of a history, the newest.
        batch: Histories per step.
        seed: Of the first weights, dropout and the order of batches.
    """

    kind: str = "decoder"
    shape: Mapping[str, float] | None = None
    history: int = 20
    batch: int = 128
    seed: int = 0


@dataclass(frozen=True)
class SearchPlan:
    """A search index to be, see `searcher`.

    Args:
        kind: How it says IDs: decoder, down the tree of prefixes, or tiger, as TIGER's decoder does.
        shape: Sizes that differ from the kind's own, see `TreeShape` and `TigerShape`.
        words: Most words read of a query, the first ones.
        buckets: Tokens that words are hashed to.
        batch: Queries per step.
        seed: Of the first weights, dropout and the order of batches.
    """

    kind: str = "decoder"
    shape: Mapping[str, float] | None = None
    words: int = 12
    buckets: int = 8_192
    batch: int = 128
    seed: int = 0


def shaped(usual: Shape, given: Mapping[str, float] | None) -> Shape:
    """Return a shape (a frozen dataclass of numbers) with other values for the names in `given`.

    Raises:
        ConfigError: Lists names that it does not have, and numbers that are not of its kind or below their least.
    """
    known, problems = asdict(usual), []
    for name, value in (given or {}).items():
        if name not in known:
            problems.append(f"{name}: not one of {', '.join(known)}")
        elif isinstance(known[name], int) and (value != int(value) or value < 1):
            problems.append(f"{name}={value}: a whole number from 1 on")
        elif isinstance(known[name], float) and not 0 <= value < 1:
            problems.append(f"{name}={value}: a share from 0 to below 1")
    if problems:
        raise ConfigError("the model cannot have these sizes", where="--shape", problems=problems)
    changed = {name: type(known[name])(value) for name, value in (given or {}).items()}
    return replace(usual, **changed)
