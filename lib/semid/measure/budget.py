"""How many codes a catalog is worth: settings tried on a sample, and the rule that recommends one of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from semid.config import CodebookConfig
from semid.measure.codes import collision_rate, largest_bucket
from semid.measure.evaluation import Measure
from semid.measure.fit import measured, only_measuring, recipe_of
from semid.quantize.base import Floats

GRID = (
    (64, 64, 64),
    (64, 64, 64, 64, 64),
    (128, 128, 128),
    (256, 256, 256),
    (512, 512, 512),
    (1024, 512, 256),
    (256, 256, 256, 256),
    (128, 128, 128, 128, 128),
)
"""Settings tried by default."""

USED = 0.95
"""A setting must use this share of the codes of its worst level: dead codes are paid for and say nothing."""
NAMEABLE = (50.0, 500.0)
"""Texts in a bucket of level 1 that an analyst can look through and name."""
COLLISION_PAYS = 0.01
"""More codes pay when they give one text in a hundred more an ID of its own."""
ERROR_PAYS = 1.05
"""Or when they lower the error on unseen texts by more than a twentieth."""


@dataclass(frozen=True)
class Trial:
    """A setting fitted to the sample, and what was measured.

    Attributes:
        sizes: Codes per level.
        collision: 1 - distinct IDs / distinct texts of the sample.
        collision_half: The same on every other text: what doubling the texts does to it.
        largest_bucket: Texts in the fullest bucket.
        error_train: Squared error over the variance on the texts it was fitted to.
        error_heldout: The same on the others; NaN when the sample is too small to hold any out.
        used_share: Share of the codes in use at the level where it is lowest.
        perplexity: Per level.
        neighbours: Per depth, the share of the 10 nearest with equal codes, in a sample of the sample.
    """

    sizes: tuple[int, ...]
    collision: float
    collision_half: float
    largest_bucket: int
    error_train: float
    error_heldout: float
    used_share: float
    perplexity: tuple[float, ...]
    neighbours: tuple[float, ...]

    @property
    def name(self) -> str:
        """Its sizes, joined by -."""
        return "-".join(map(str, self.sizes))

    @property
    def codes(self) -> int:
        """Codes of all levels together: rows of an embedding table, words of a vocabulary."""
        return sum(self.sizes)

    @property
    def error(self) -> float:
        """The error on held-out texts; on the others when there are none."""
        return self.error_train if math.isnan(self.error_heldout) else self.error_heldout

    def bucket(self, texts: int) -> float:
        """Return the texts in a typical bucket of level 1, in a catalog of `texts` distinct ones."""
        return texts / self.perplexity[0]


@dataclass(frozen=True)
class Recommendation:
    """The setting to train, and why, in words."""

    sizes: tuple[int, ...]
    reason: str


def try_setting(x: Floats, settings: CodebookConfig) -> Trial:
    """Return what a codebook with these settings does on the contents `x` (n, d), sorted by a key.

    Raises:
        ValueError: There are fewer contents than codes at a level.
    """
    measuring = only_measuring(x, max(settings.sizes))
    seen, unseen = x[~measuring], x[measuring]
    codebook = recipe_of(settings).fit(seen, np.random.default_rng(settings.seed))
    metrics = measured(codebook, seen, unseen)
    codes = codebook.encode(x)
    used = [used / size for used, size in zip(metrics["used_codes"], settings.sizes, strict=True)]
    return Trial(
        sizes=settings.sizes,
        collision=metrics["collision_rate"],
        collision_half=collision_rate(codes[::2]),
        largest_bucket=largest_bucket(codes),
        error_train=metrics["relative_error_train"],
        error_heldout=metrics.get("relative_error_heldout", math.nan),
        used_share=min(used),
        perplexity=tuple(metrics["perplexity"]),
        neighbours=tuple(metrics.get("neighbours", ())),
    )


def recommend(trials: Sequence[Trial], texts: int, max_codes: int | None = None) -> Recommendation:
    """Return the setting to train. By measured values only: capacity (the product of sizes) says nothing.

    Of the settings within `max_codes` that use at least `USED` of every level's codes (if any does), those with a
    `NAMEABLE` bucket at level 1 (else those nearest to it) are compared. The fewest codes win whose collision rate is
    within `COLLISION_PAYS` of the lowest and whose held-out error is then within `ERROR_PAYS` of the lowest. Equals
    are told apart by fewer levels, lower collision, and name.

    Args:
        trials: At least one, on one sample.
        texts: Distinct texts of the whole catalog.
        max_codes: Most codes of all levels together.

    Raises:
        ValueError: No trial is within `max_codes`.
    """
    within = [trial for trial in trials if max_codes is None or trial.codes <= max_codes]
    if not within:
        raise ValueError(f"none of {len(trials)} settings has at most {max_codes} codes")
    used = [trial for trial in within if trial.used_share >= USED] or within
    nearest = min(_unnameable(trial, texts) for trial in used)
    named = [trial for trial in used if _unnameable(trial, texts) <= nearest + 1e-9]
    lowest = min(trial.collision for trial in named)
    apart = [trial for trial in named if trial.collision <= lowest + COLLISION_PAYS]
    best = min(trial.error for trial in apart)
    close = [trial for trial in apart if trial.error <= best * ERROR_PAYS]
    chosen = min(close, key=lambda trial: (trial.codes, len(trial.sizes), trial.collision, trial.name))
    counts = (len(trials), len(within), len(used), len(named), len(apart), len(close))
    return Recommendation(chosen.sizes, _reason(chosen, texts, counts, max_codes))


def trial_measures(trial: Trial, texts: int) -> Iterator[Measure]:
    """Yield what is known of a trial, under its name as the slice.

    Args:
        trial: The trial.
        texts: Distinct texts of the whole catalog.
    """
    numbers = {
        "codes": trial.codes,
        "collision_texts": trial.collision,
        "collision_texts_half": trial.collision_half,
        "largest_bucket_texts": trial.largest_bucket,
        "relative_error_seen": trial.error_train,
        "relative_error_heldout": trial.error_heldout,
        "used_share": trial.used_share,
        "bucket_texts_l1": trial.bucket(texts),
        **{f"perplexity_l{level}": value for level, value in enumerate(trial.perplexity, 1)},
        **{f"neighbours_d{depth}": value for depth, value in enumerate(trial.neighbours, 1)},
    }
    yield from (Measure(metric, value, slice=trial.name) for metric, value in numbers.items())


def _unnameable(trial: Trial, texts: int) -> float:
    """Return how far (natural logarithm) the trial's buckets of level 1 are from what can be named; 0 is in it."""
    low, high = NAMEABLE
    bucket = trial.bucket(texts)
    return max(0.0, math.log(low / bucket), math.log(bucket / high))


def _reason(chosen: Trial, texts: int, counts: tuple[int, ...], max_codes: int | None) -> str:
    tried, within, used, named, apart, close = counts
    low, high = NAMEABLE
    fits = "which an analyst can name" if _unnameable(chosen, texts) == 0 else f"the nearest to {low:.0f}-{high:.0f}"
    held_out = (
        "on the texts it saw (too few to hold any out)" if math.isnan(chosen.error_heldout) else "on unseen texts"
    )
    bound = "" if max_codes is None else f" {within} have at most {max_codes:,} codes;"
    parts = [
        f"{chosen.name}: of {tried} settings{bound or ','} {used} use their codes best ({USED:.0%} of each level where",
        f"possible), {named} of these have the best level-1 buckets, {apart} of these a collision rate within",
        f"{COLLISION_PAYS:.0%} of the lowest, {close} of these an error within {ERROR_PAYS - 1:.0%} of the lowest;",
        f"this one has the fewest codes ({chosen.codes:,}). It uses {chosen.used_share:.1%} of the codes of its least",
        f"used level; a typical level-1 bucket holds {chosen.bucket(texts):,.0f} texts, {fits}; the collision rate of",
        f"the sample's texts is {chosen.collision:.4f} ({chosen.collision_half:.4f} of half of them); the relative",
        f"error {held_out} is {chosen.error:.3f}.",
    ]
    return " ".join(parts)
