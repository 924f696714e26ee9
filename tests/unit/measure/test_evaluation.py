"""The named numbers of an evaluation: known answers, intervals, slices and pairs."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import NormalDist

import numpy as np
import pytest

from semid.measure import interval
from semid.measure.codes import neighbour_preservation, relative_error
from semid.measure.evaluation import (
    EvaluationSample,
    Measure,
    PairCounts,
    category_measures,
    error_measures,
    level_measures,
    neighbour_measures,
    pair_measures,
    slice_measures,
)
from semid.measure.popularity import traffic_cuts
from tests.codebooks import random_codebook

Key = tuple[str, str]


def values(measures: Iterable[Measure]) -> dict[Key, Measure]:
    return {(measure.metric, measure.slice): measure for measure in measures}


def sample(rows: int = 300, complete: bool = True) -> EvaluationSample:
    x = np.random.default_rng(1).standard_normal((rows, 6)).astype(np.float32)
    parts = np.array(["head", "mid", "tail"])[np.arange(rows) % 3]
    codes = random_codebook("rkmeans", 0).encode(x)
    return EvaluationSample(x, codes, [[str(code)] for code in codes[:, 0]], parts, complete)


def test_head_mid_and_tail_by_interactions():
    """100 interactions: 40 and two of 15 make the first half and more, equals stay together; then 10s to 80, then 1s."""
    assert traffic_cuts({40: 1, 15: 2, 10: 2, 1: 10}) == (15, 10)
    assert traffic_cuts({5: 1, 3: 1, 2: 1}) == (5, 3)  # the head ends where it has exactly half
    assert traffic_cuts({5: 1}) == (5, 5)
    assert traffic_cuts({}) == (1, 1)


def test_use_of_a_level():
    """Texts per code 4 2 2 0: three codes used, one dead, perplexity exp(1.5 ln 2)."""
    found = values(level_measures([np.array([4, 2, 2, 0])]))
    assert found["used_codes_l1", "all"].value == 3
    assert found["dead_codes_l1", "all"].value == 1
    assert found["perplexity_l1", "all"].value == pytest.approx(2**1.5)


def test_slices_are_judged_by_the_whole_catalogs_buckets():
    """Head: one item alone, one in a bucket of 3. Tail: two in that bucket. No mid, so no row."""
    held = {"head": np.array([1, 1]), "mid": np.array([0, 0]), "tail": np.array([0, 2])}
    found = values(slice_measures(np.array([1, 3]), held))
    assert found["singleton_items", "head"].value == 1 / 2
    assert found["mean_bucket_items", "head"].value == 2
    assert found["mean_bucket_items", "tail"].value == 3
    assert ("items", "mid") not in found


def test_neighbours_and_error_of_a_complete_sample_are_exact():
    """The numbers of `measure.codes`, without an interval; slices are means over their own contents."""
    whole, codebook = sample(), random_codebook("rkmeans", 0)
    rng = np.random.default_rng(0)
    found = values([*neighbour_measures(whole, rng), *error_measures(whole, codebook, rng)])
    expected = neighbour_preservation(whole.x, whole.codes)
    assert [found[f"neighbours_d{d}", "all"].value for d in (1, 2)] == pytest.approx(expected)
    error = relative_error(whole.x, codebook.decode(whole.codes))
    assert found["relative_error", "all"].value == pytest.approx(error)
    parts = [found["relative_error", part].value for part in ("head", "mid", "tail")]
    assert np.mean(parts) == pytest.approx(error)
    assert len(set(parts)) == 3
    asked = np.flatnonzero(whole.slices == "mid")
    mid = neighbour_preservation(whole.x, whole.codes, asked=asked)
    assert [found[f"neighbours_d{d}", "mid"].value for d in (1, 2)] == pytest.approx(mid)
    assert {measure.low for measure in found.values()} == {None}


def test_a_sample_has_intervals_that_repeat():
    """The interval holds the value, is the same with the same seed, and about as wide as 2 x 1.96 standard errors."""
    first, again = (
        values(error_measures(sample(complete=False), random_codebook("rkmeans", 0), rng))
        for rng in map(np.random.default_rng, (5, 5))
    )
    assert first == again
    measure = first["relative_error", "all"]
    assert measure.low is not None
    assert measure.high is not None
    assert measure.low < measure.value < measure.high
    part = sample(complete=False)
    errors = np.square(part.x - random_codebook("rkmeans", 0).decode(part.codes)).sum(axis=1)
    width = 2 * 1.96 * errors.std() / np.sqrt(len(errors)) / part.x.var(axis=0).sum()
    assert measure.high - measure.low == pytest.approx(width, rel=0.15)


def test_few_contents_have_no_neighbours():
    """Ten contents have nine others: nothing is measured rather than something else."""
    assert list(neighbour_measures(sample(10), np.random.default_rng(0))) == []


def test_categories_that_are_the_first_code_agree_fully():
    found = values(category_measures(sample(), np.random.default_rng(0)))
    assert found["nmi_c1_d1", "all"].value == pytest.approx(1)
    assert found["purity_c1_d1", "all"].value == 1
    assert found["nmi_shuffled_c1_d1", "all"].value < 0.1


def test_pairs_against_all_other_combinations():
    """Two of four pairs agree; of 12 wrong combinations 5 - 2 do."""
    found = values(pair_measures(PairCounts(4, np.array([2]), np.array([5]))))
    agree = found["pairs_agree_d1", "all"]
    assert agree.value == 1 / 2
    assert (agree.low, agree.high) == (0, 1)
    assert found["pairs_agree_random_d1", "all"].value == pytest.approx(3 / 12)
    assert [one.metric for one in pair_measures(PairCounts(0, np.array([]), np.array([])))] == ["pairs"]


def test_the_interval_of_a_share_is_the_bootstraps():
    """Without drawing: the percentiles of resampled shares of 60 in 100 ones."""
    drawn = np.random.default_rng(0).binomial(100, 0.6, size=20_000) / 100
    assert interval.of_share(60, 100) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])), abs=0.011)
    assert interval.of_share(0, 0) == (None, None)


def test_an_interval_of_means_needs_two_rows():
    assert interval.of_means(np.ones((1, 2)), np.random.default_rng(0)) == [(None, None)] * 2
    x = np.random.default_rng(0).standard_normal((200, 1))
    ((low, high),) = interval.of_means(x, np.random.default_rng(0))
    means = NormalDist(x.mean(), x.std() / np.sqrt(200))
    assert (low, high) == pytest.approx((means.inv_cdf(0.025), means.inv_cdf(0.975)), abs=0.02)
