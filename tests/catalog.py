"""A small product catalog, generated: the same rows each time, with families of similar items."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_KINDS = {
    ("Grocery", "Cookies"): ["oat cookies", "chocolate chip cookies", "ginger biscuits", "butter shortbread"],
    ("Grocery", "Tea"): ["green tea", "black tea", "peppermint tea", "chamomile tea"],
    ("Garden", "Tools"): ["hand trowel", "pruning shears", "garden rake", "watering can"],
    ("Beauty", "Hair Care"): ["shampoo", "hair conditioner", "styling gel", "hair dryer"],
    ("Electronics", "Audio"): ["headphones", "bluetooth speaker", "record player", "microphone"],
}
_BRANDS = ["Alder", "Birch", "Cedar", "Dogwood", "Elm"]
_WORDS = ["small", "large", "organic", "classic", "travel size", "family pack", "red", "silver"]


def items(count: int = 300, seed: int = 1) -> list[dict[str, Any]]:
    """Return `count` items; about one in ten shares its text with another."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        category = rng.choice(sorted(_KINDS))
        title = f"{rng.choice(_WORDS)} {rng.choice(_KINDS[category])}"
        brand = rng.choice(_BRANDS)
        rows.append({"item_id": f"p{number:04}", "title": title, "brand": brand, "category": list(category)})
    return rows


def second_night(first: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the next night's feed: 5 removed, 6 edited, 7 new, 3 whose picture moved, and 2 bad rows."""
    rows = [dict(row) for row in first[5:]]
    for row in rows[:6]:
        row["title"] = f"{row['title']}, improved recipe"
    for row in rows[6:9]:
        row["image_url"] = f"https://images.example/{row['item_id']}.jpg"
    new = [dict(row, item_id=f"n{number}") for number, row in enumerate(items(7, seed=2))]
    bad = [{"item_id": "", "title": "no id"}, {"item_id": "x1", "title": "   "}]
    return [*rows, *new, *bad]


def write_jsonl(rows: Iterable[dict[str, Any]], path: Path) -> str:
    """Write the rows as JSON lines and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)
