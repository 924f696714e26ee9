"""A small catalog that changes from night to night, with a vector for every text."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

WIDTH, GROUPS = 16, 12


@dataclass
class World:
    """What the shop sells.

    Attributes:
        rng: Decides everything.
        active: Text of each item that is sold.
        gone: Text of each item that was sold before.
    """

    rng: np.random.Generator
    active: dict[str, str] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    _made: int = 0

    def open(self, items: int) -> None:
        """Put the first items on the shelves; every eighth shares its text with another."""
        for number in range(items):
            self._add(f"group{number % GROUPS} text{number - number % 8 // 7}")

    def move(self) -> None:
        """Add, edit, remove and bring back a few items."""
        for _ in range(self.rng.integers(0, 5)):
            self._add(f"group{self.rng.integers(GROUPS)} text{self.rng.integers(10_000)}")
        for item in self._some(self.active, 4):
            # Also back to a text it had: an item that meets its old content has its old ID.
            self.active[item] = f"{self.active[item].split(' edit')[0]} edit{self.rng.integers(3)}"
        for item in self._some(self.active, 4):
            self.gone[item] = self.active.pop(item)
        for item in self._some(self.gone, 3):
            self.active[item] = self.gone.pop(item)

    def write(self, file: Path) -> str:
        """Write the feed of a night, with finished vectors, in an order of its own, and return its path."""
        rows = [{"item_id": item, "title": text, "embedding": vector(text)} for item, text in self.active.items()]
        self.rng.shuffle(rows)
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return str(file)

    def _add(self, text: str) -> None:
        self.active[f"item{self._made:05}"] = text
        self._made += 1

    def _some(self, items: dict[str, str], most: int) -> list[str]:
        number = min(int(self.rng.integers(0, most + 1)), len(items))
        return [str(item) for item in self.rng.choice(sorted(items), number, replace=False)] if number else []


def vector(text: str) -> list[float]:
    """Return the vector of a text: near the others of its group, the same each time."""
    centre, own = (
        np.random.default_rng(_seed(part)).standard_normal(WIDTH) for part in (text.split(maxsplit=1)[0], text)
    )
    x = centre + 0.3 * own
    return [float(value) for value in x / np.linalg.norm(x)]


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
