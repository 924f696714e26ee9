"""A trained generator in a folder (torch): weights (safetensors), the IDs it says (Parquet), how it is made (JSON)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import nn

from semid.downstream.corpus import KnownIds
from semid.downstream.vocabulary import Vocabulary


def write(folder: Path, model: nn.Module, known: KnownIds, facts: Mapping[str, Any]) -> None:
    """Write model.safetensors, ids.parquet and params.json, the last with `facts` and the vocabulary."""
    save_file({name: tensor.cpu() for name, tensor in model.state_dict().items()}, folder / "model.safetensors")
    known.save(folder / "ids.parquet")
    told = {**facts, "vocabulary": asdict(known.vocabulary)}
    (folder / "params.json").write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read(folder: Path) -> tuple[dict[str, Any], KnownIds]:
    """Return the facts and the IDs that `write` wrote; from them a model is made anew, for `fill`."""
    facts = json.loads((folder / "params.json").read_text(encoding="utf-8"))
    vocabulary = Vocabulary(**{**facts["vocabulary"], "sizes": tuple(facts["vocabulary"]["sizes"])})
    return facts, KnownIds.load(folder / "ids.parquet", vocabulary)


def fill(model: nn.Module, folder: Path) -> None:
    """Give `model` the weights that `write` wrote, ready to answer."""
    model.load_state_dict(load_file(folder / "model.safetensors"))
    model.eval()
