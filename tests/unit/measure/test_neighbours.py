"""Neighbour preservation as a check: clusters whose codes are their number."""

import numpy as np
import pytest

from semid.measure.gate import load_thresholds
from semid.measure.neighbours import CodedSample, compare_neighbours, of_training

LIMITS = load_thresholds().neighbour_preservation
CLUSTERS, EACH = 60, 20
RNG = np.random.default_rng(0)
CENTRES = RNG.standard_normal((CLUSTERS, 16))
CLUSTER = np.repeat(np.arange(CLUSTERS), EACH)
X = (CENTRES[CLUSTER] + 0.01 * RNG.standard_normal((len(CLUSTER), 16))).astype(np.float32)
CODES = np.stack([CLUSTER % 10, CLUSTER // 10, RNG.integers(0, 256, len(CLUSTER))], axis=1).astype(np.int32)
METRICS = of_training(X, CODES)
ARRIVED = np.arange(len(X)) % 10 == 0


def checks(codes=CODES, metrics=METRICS, among=None, limits=LIMITS):
    among = np.ones(len(X), np.bool_) if among is None else among
    found = compare_neighbours(CodedSample(X, codes, ARRIVED, ~ARRIVED, among), metrics, limits)
    return {(check.cohort, check.level): check for check in found}


def test_tight_clusters_share_all_codes_but_the_random_ones():
    """Ten of the nineteen others of a cluster are nearest; a random third code is shared by one in 256."""
    assert METRICS["neighbours"][:2] == [1, 1]
    assert METRICS["neighbours"][2] == pytest.approx(1 / 256, abs=0.003)
    assert of_training(X[:10], CODES[:10]) == {}


def test_sound_codes_pass_and_a_depth_that_shares_little_is_only_reported():
    found = checks()
    assert {key: check.status for key, check in found.items()} == {
        (cohort, level): "pass" if level < 3 else "info" for cohort in ("arrivals", "table") for level in (1, 2, 3)
    }
    assert found["table", 1].value == 1


def test_arrivals_coded_by_another_codebook_block_while_the_table_hides_them():
    """A tenth of the contents has shifted first codes: none agrees with its neighbours, the whole table mostly does."""
    codes = CODES.copy()
    codes[ARRIVED, 0] = (codes[ARRIVED, 0] + 1) % 10
    found = checks(codes, among=~ARRIVED)
    assert (found["arrivals", 1].value, found["arrivals", 1].status) == (0, "block")
    assert found["table", 1].status == "pass"
    mixed = checks(codes)["table", 1].value
    assert 0.75 < mixed < 0.9


@pytest.mark.parametrize(
    ("reference", "status"), [(0.99, "pass"), (1.3, "pass"), (1.4, "warn"), (1.9, "warn"), (2.1, "block")]
)
def test_the_status_is_decided_by_the_share_of_the_reference(reference, status):
    """A value of 1 against other references: 0.75 and 0.5 of the reference are the limits."""
    assert checks(metrics={"neighbours": [reference] * 3})["table", 1].status == status


@pytest.mark.parametrize("metrics", [{}, {"neighbours": []}, {"neighbours": None}])
def test_a_codebook_without_the_reference_is_missing_evidence(metrics):
    assert {check.status for check in checks(metrics=metrics).values()} == {"block"}


def test_too_few_contents_are_not_judged_and_none_ask_nothing():
    few = np.arange(len(X)) < 500
    assert {check.status for check in checks(metrics={}, among=few).values()} == {"info"}
    assert checks(among=np.arange(len(X)) < 10) == {}
