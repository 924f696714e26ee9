"""Fit a codebook and measure it, on contents it has seen and on contents it has not."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semid.config import CodebookConfig
from semid.errors import ConfigError
from semid.measure.churn import churn
from semid.measure.codes import collision_rate, perplexity, used_codes
from semid.measure.neighbours import of_training
from semid.measure.shift import described
from semid.quantize.align import aligned, count_matrices
from semid.quantize.base import Codebook, Codes, Floats, Quantizer, quantization_error
from semid.quantize.codebook import to_bytes
from semid.quantize.holdout import held_out
from semid.quantize.pairs import PairLearner, Pairs
from semid.quantize.quantizers import quantizer

log = logging.getLogger(__name__)

HELD_OUT = 0.1
"""Share of the sample that only measures: its error is what arrivals are compared with."""


@dataclass(frozen=True, eq=False)
class Predecessor:
    """What a new codebook should stay close to.

    Attributes:
        codebook: The codebook to start from; None for a cold start.
        sizes: Codes per level of the codebook that is active now.
        codes: Codes (n, levels) that the training contents have under it; -1 where they have none.
    """

    codebook: Codebook | None
    sizes: tuple[int, ...]
    codes: Codes


def fit(
    x: Floats,
    settings: CodebookConfig,
    before: Predecessor | None = None,
    pairs: Pairs | None = None,
    across: Quantizer | None = None,
) -> tuple[dict[str, Any], bytes]:
    """Return (columns of the codebook's row, its bytes), fitted to the contents `x` (n, d), sorted by a key.

    With a predecessor the codes are renamed after its codes (see `quantize.align`), level by level as far as both
    have one. Pairs of rows of `x` train as far as both rows do; the metrics say how well the codes agree on the others.
    `across` fits in the place of the settings' own quantizer: to more contents, of which `x` is a sample.

    Raises:
        ConfigError: There are fewer contents than codes, or `codebook.params` are not the kind's, or the
            predecessor cannot be started from.
    """
    if len(x) < max(settings.sizes):
        raise ConfigError(
            f"{len(x)} distinct contents cannot fill a level of {max(settings.sizes)} codes",
            where="codebook.sizes",
            next_step=f"--set codebook.sizes={[_fitting(len(x))] * len(settings.sizes)}",
        )
    rng = np.random.default_rng(settings.seed)
    measuring = only_measuring(x, max(settings.sizes))
    seen, unseen = x[~measuring], x[measuring]
    started = time.monotonic()
    recipe = across or recipe_of(settings)
    if pairs is not None:
        recipe = learner_of(settings).with_pairs(pairs.within(~measuring))
    try:
        codebook = recipe.fit(seen, rng, None if before is None else before.codebook)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the codebook cannot be trained: {error}", where="codebook.params") from error
    codebook, followed = (codebook, {}) if before is None else _renamed(codebook, x, before)
    metrics = {
        **measured(codebook, seen, unseen),
        **described(x),
        **followed,
        **({} if pairs is None else _paired(codebook, x, pairs, measuring)),
        "fit_seconds": round(time.monotonic() - started, 1),
    }
    row = {
        "kind": settings.kind,
        "levels": len(settings.sizes),
        "codebook_sizes": list(settings.sizes),
        "parent_version": None,
        "params": json.dumps(dict(settings.params), sort_keys=True),
        "metrics": json.dumps(metrics, sort_keys=True),
        "seed": settings.seed,
    }
    return row, to_bytes(codebook)


def recipe_of(settings: CodebookConfig) -> Quantizer:
    """Return the quantizer that the settings describe.

    Raises:
        ConfigError: `codebook.params` are not the kind's, or it cannot have so many levels.
    """
    try:
        return quantizer(settings.kind, settings.sizes, settings.params, _say)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the codebook cannot be trained: {error}", where="codebook") from error


def learner_of(settings: CodebookConfig) -> PairLearner:
    """Return the quantizer that the settings describe, one that can learn from pairs.

    Raises:
        ConfigError: `codebook.params` are not the kind's, or the kind cannot learn from pairs.
    """
    recipe = recipe_of(settings)
    if not isinstance(recipe, PairLearner):
        raise ConfigError(
            f"a codebook of kind {settings.kind} cannot learn from pairs",
            where="codebook.pairs",
            next_step="--set codebook.pairs=null, or --set codebook.kind=rqvae",
        )
    return recipe


def measured(codebook: Codebook, seen: Floats, unseen: Floats) -> dict[str, Any]:
    """Return what the codebook's row records of its quality.

    Args:
        codebook: Fitted to `seen`.
        seen: Contents (n, d) it was trained on.
        unseen: Contents (m, d) it was not; with m = 0 there are no held-out numbers.

    Returns:
        `error_train`, `error_heldout`: mean squared error of a content, in embedding space; `relative_error_*`:
        the same over the variance; `used_codes`, `perplexity` per level, `collision_rate` over all contents, and
        `neighbours` per depth over a sample.
    """
    everything = np.concatenate([seen, unseen])
    codes = codebook.encode(everything)
    errors = quantization_error(everything, codebook.decode(codes))
    variance = float(everything.var(axis=0, dtype=np.float64).sum())
    train, others = errors[: len(seen)], errors[len(seen) :]
    metrics: dict[str, Any] = {
        "error_train": float(train.mean()),
        "relative_error_train": float(train.mean()) / variance if variance else 0.0,
        "used_codes": used_codes(codes, codebook.sizes),
        "perplexity": perplexity(codes, codebook.sizes),
        "collision_rate": collision_rate(codes),
        **of_training(everything, codes),
    }
    if len(others):
        metrics["error_heldout"] = float(others.mean())
        metrics["relative_error_heldout"] = float(others.mean()) / variance if variance else 0.0
    return metrics


def _renamed(codebook: Codebook, x: Floats, before: Predecessor) -> tuple[Codebook, dict[str, Any]]:
    known = (before.codes >= 0).all(axis=1)
    old = before.codes[known]
    counts = count_matrices(codebook.encode(x[known]), old, codebook.sizes, before.sizes)
    renamed, _ = aligned(codebook, counts)
    moved = [round(share, 6) for share in churn(old, renamed.encode(x[known]))] if known.any() else []
    start = "cold" if before.codebook is None else "warm"
    return renamed, {"start": start, "aligned_on": int(known.sum()), "churn_before_hysteresis": moved}


def _paired(codebook: Codebook, x: Floats, pairs: Pairs, measuring: NDArray[np.bool_]) -> dict[str, Any]:
    others = pairs.touching(measuring)
    shares = [round(share, 6) for share in others.agreement(codebook.encode(x))] if len(others) else []
    return {"pairs": {"trained": len(pairs) - len(others), "held_out": len(others), "held_out_agreement": shares}}


def only_measuring(x: Floats, largest: int) -> NDArray[np.bool_]:
    """Return which contents (n,) of `x` (n, d) only measure; none when fewer than `largest` would be left to fit."""
    # By a hash of the vector: what a codebook never saw, its successor, which starts from it, must not see either.
    measuring = held_out(x, HELD_OUT, "measure")
    if len(x) - int(measuring.sum()) < largest:  # a tiny catalog needs every content to fill its codes
        return np.zeros(len(x), np.bool_)
    return measuring


def _fitting(contents: int) -> int:
    return max(2, int(2 ** np.floor(np.log2(max(contents // 4, 2)))))


def _say(step: int, metrics: Mapping[str, float]) -> None:
    log.info("    fit %d: %s", step, ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
