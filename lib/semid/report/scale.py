"""Scales of a plot: where a value lies between two ends, and which values get a line and a label."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Scale:
    """A mapping of values to [0, 1].

    Attributes:
        place: Gives a value's place; values beyond the ends lie outside [0, 1].
        ticks: Values to label, ascending.
    """

    place: Callable[[float], float]
    ticks: tuple[float, ...]


def linear(low: float, high: float, lines: int = 5) -> Scale:
    """Return a linear scale from `low` to at least `high`, with about `lines` round steps.

    >>> linear(0, 2.1).ticks
    (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)
    """
    high = high if high > low else low + 1
    step = _round_step((high - low) / lines)
    first, last = math.floor(low / step), math.ceil(high / step)
    bottom, top = first * step, last * step
    digits = max(0, 1 - math.floor(math.log10(step)))
    ticks = tuple(round(step * i, digits) for i in range(first, last + 1))
    return Scale(lambda value: (value - bottom) / (top - bottom), ticks)


def logarithmic(high: float) -> Scale:
    """Return a scale of log(1 + value) from 0 to the power of ten at or above `high`: counts, zero included.

    >>> logarithmic(250).ticks
    (0, 1, 10, 100, 1000)
    """
    powers = max(1, math.ceil(math.log10(max(high, 1))))
    top = math.log1p(10**powers)
    return Scale(lambda value: math.log1p(value) / top, (0, *(10**n for n in range(powers + 1))))


def short(value: float) -> str:
    """Return a tick's label.

    >>> [short(v) for v in (0.0, 0.25, 1500, 10000, 2_000_000)]
    ['0', '0.25', '1.5k', '10k', '2M']
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def spread(places: list[float], gap: float) -> list[float]:
    """Return `places`, moved up as far as needed for labels `gap` apart, in the same order."""
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = list(places)
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + gap)
    return moved


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * nice for nice in (1.0, 2.0, 5.0, 10.0) if power * nice >= step * (1 - 1e-9))
