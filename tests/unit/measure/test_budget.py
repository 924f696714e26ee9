"""The tuner's rule on made-up trials, and a trial against what the codebook itself says."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from semid.config import load_config
from semid.measure.budget import NAMEABLE, Trial, recommend, trial_measures, try_setting
from semid.measure.codes import collision_rate, perplexity, relative_error
from semid.quantize.holdout import held_out
from semid.quantize.rkmeans import RkmeansQuantizer
from tests.codebooks import bent_sheet

TEXTS = 10_000


def trial(*sizes: int, **values: object) -> Trial:
    base = Trial(sizes, 0.1, 0.05, 9, 0.35, 0.4, 1.0, tuple(0.9 * size for size in sizes), (0.6, 0.2, 0.05))
    return replace(base, **values)


def chosen(*trials: Trial, max_codes: int | None = None) -> tuple[int, ...]:
    forwards = recommend(trials, TEXTS, max_codes)
    assert recommend(trials[::-1], TEXTS, max_codes) == forwards
    return forwards.sizes


def test_more_codes_must_pay():
    """A point of collision or less for twice the codes is not worth it; more than a point is."""
    small = trial(64, 64, 64, collision=0.059)
    assert chosen(small, trial(128, 128, 128, collision=0.05)) == (64, 64, 64)
    assert chosen(small, trial(128, 128, 128, collision=0.04)) == (128, 128, 128)


def test_a_much_lower_error_pays_too():
    """Within a point of collision, an error more than a twentieth lower wins."""
    small = trial(64, 64, 64, error_heldout=0.44)
    assert chosen(small, trial(128, 128, 128, error_heldout=0.43)) == (64, 64, 64)
    assert chosen(small, trial(128, 128, 128, error_heldout=0.4)) == (128, 128, 128)


def test_buckets_that_can_be_named_come_first():
    """10,000 texts over 512 codes make buckets of 22: fewer collisions do not buy that."""
    assert chosen(trial(128, 128), trial(512, 512, collision=0.0)) == (128, 128)
    assert chosen(trial(4, 4), trial(512, 512)) == (512, 512)  # 2,778 is further from 500 than 22 from 50


def test_dead_codes_rule_a_setting_out_unless_all_have_them():
    dead = trial(128, 128, collision=0.0, used_share=0.8)
    assert chosen(trial(64, 64), dead) == (64, 64)
    assert chosen(trial(64, 64, used_share=0.9), dead) == (128, 128)


def test_a_bound_on_codes_holds_and_is_said_when_nothing_meets_it():
    grid = trial(64, 64), trial(128, 128, collision=0.0)
    assert chosen(*grid, max_codes=255) == (64, 64)
    assert chosen(*grid, max_codes=256) == (128, 128)
    with pytest.raises(ValueError, match="none of 2 settings has at most 127 codes"):
        recommend(grid, TEXTS, 127)


def test_capacity_decides_nothing():
    """Equal measures, 128^2 or 64^4 IDs: the fewest codes win, then the fewest levels, whatever their product."""
    assert chosen(trial(128, 128), trial(64, 64, 64, 64)) == (128, 128)
    assert chosen(trial(100, 100), trial(64, 64, 64, 64)) == (100, 100)


def test_the_reason_names_what_was_measured():
    """Bucket, collisions, error and use of the chosen setting stand in it, and when there were no held-out texts."""
    reason = recommend([trial(64, 64, 64)], TEXTS, 500).reason
    for words in (
        "64-64-64",
        "1 have at most 500 codes",
        "174 texts",
        "0.1000 (0.0500 of half",
        "0.400",
        "unseen",
        "can name",
    ):
        assert words in reason
    without = recommend([trial(4, 4, error_heldout=math.nan)], TEXTS).reason
    assert "0.350" in without
    assert "too few to hold any out" in without
    assert f"nearest to {NAMEABLE[0]:.0f}-{NAMEABLE[1]:.0f}" in without


def test_a_trial_measures_the_codebook_that_a_fit_gives():
    """The same numbers from the quantizer itself, on all contents and on the half of them."""
    x = bent_sheet(600)
    found = try_setting(x, load_config(overrides=["codebook.kind=rkmeans", "codebook.sizes=[8,4]"]).codebook)
    seen = x[~held_out(x, 0.1, "measure")]
    codebook = RkmeansQuantizer((8, 4)).fit(seen, np.random.default_rng(0))
    codes = codebook.encode(x)
    assert found.collision == pytest.approx(collision_rate(codes))
    assert found.collision_half == pytest.approx(collision_rate(codes[::2]))
    assert found.perplexity == pytest.approx(perplexity(codes, (8, 4)))
    ratio = seen.var(axis=0).sum() / x.var(axis=0).sum()
    assert found.error_train == pytest.approx(
        ratio * relative_error(seen, codebook.decode(codebook.encode(seen))), rel=1e-4
    )
    assert 0 < found.error_heldout < 1
    assert (found.used_share, found.codes, found.name) == (1, 12, "8-4")
    measures = {measure.metric: measure.value for measure in trial_measures(found, 1200)}
    assert measures["bucket_texts_l1"] == pytest.approx(1200 / found.perplexity[0])
    assert {measure.slice for measure in trial_measures(found, 1200)} == {"8-4"}
