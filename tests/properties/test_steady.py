"""Codes over many nights: what alignment, hysteresis and capacity promise when they are applied again and again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from semid.quantize import align
from semid.quantize.align import aligned, count_matrices, matching, permuted, renamed
from semid.quantize.capacity import within_capacity
from semid.quantize.hysteresis import keep_codes
from tests.codebooks import KINDS, random_codebook

SEEDS = st.integers(0, 10**6)
KEPT, NEW = 1, 0


@pytest.mark.parametrize("largest", [0, 4096])
@given(st.integers(1, 5), st.integers(1, 5), SEEDS)
@settings(max_examples=40, deadline=None)
def test_what_is_aligned_is_left_alone(largest: int, new: int, old: int, seed: int) -> None:
    """Every sum of pairs has another weight, so that the best matching is one: applied twice it is applied once."""
    rng = np.random.default_rng(seed)
    weight = 2 ** rng.permutation(new * old).reshape(new, old) * rng.integers(0, 2, (new, old))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(align, "HUNGARIAN_MAX", largest)
        phi = matching(align.csr_array(weight))
        again = matching(align.csr_array(weight[np.argsort(phi)]))
    assert again.tolist() == list(range(new))


@given(SEEDS, SEEDS)
@settings(max_examples=25, deadline=None)
def test_whatever_numbers_a_refit_came_with_it_agrees_as_much(seed: int, shuffle: int) -> None:
    """A candidate with its rows in another order agrees with the old codes on as many items at each level."""
    old, new = (random_codebook("rkmeans", n, (5, 4)) for n in (seed, seed + 1))
    rng = np.random.default_rng(shuffle)
    x = rng.standard_normal((300, 6)).astype(np.float32)
    other = permuted(new, [rng.permutation(size).astype(np.int32) for size in new.sizes])
    before = old.encode(x)
    found = []
    for candidate in (new, other):
        plain = candidate.encode(x)
        result, phi = aligned(candidate, count_matrices(plain, before, candidate.sizes, old.sizes))
        assert (renamed(plain, phi) == result.encode(x)).all()
        found.append([int((result.encode(x)[:, n] == before[:, n]).sum()) for n in (0, 1)])
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", KINDS)
@given(SEEDS, st.floats(0, 3), st.floats(0, 3))
@settings(max_examples=15, deadline=None)
def test_hysteresis_keeps_more_with_a_larger_tolerance_and_what_it_gave_it_keeps(
    kind: str, seed: int, one: float, other: float
) -> None:
    """A second night under the same codebook moves nothing; with a larger tolerance nobody moves who stayed before."""
    codebook, rng = random_codebook(kind, seed, (4, 4, 3), dim=6), np.random.default_rng(seed)
    x = rng.standard_normal((40, 6)).astype(np.float32)
    old = codebook.encode((x + 0.4 * rng.standard_normal(x.shape)).astype(np.float32))
    strict, loose = (keep_codes(x, codebook, old, tolerance) for tolerance in sorted((one, other)))
    assert (strict.kept <= loose.kept).all()
    again = keep_codes(x, codebook, loose.codes, max(one, other))
    assert again.kept.all()
    np.testing.assert_array_equal(loose.codes, again.codes)


@given(SEEDS, st.floats(0, 2))
@settings(max_examples=25, deadline=None)
def test_renaming_codes_renames_what_hysteresis_gives(seed: int, tolerance: float) -> None:
    """Who keeps its codes depends on the centroids, not on their numbers."""
    codebook, rng = random_codebook("rkmeans", seed, (4, 4)), np.random.default_rng(seed)
    x = rng.standard_normal((40, 6)).astype(np.float32)
    old = codebook.encode((x + 0.4 * rng.standard_normal(x.shape)).astype(np.float32))
    phi = [rng.permutation(size).astype(np.int32) for size in codebook.sizes]
    plain, other = (
        keep_codes(x, codebook, old, tolerance),
        keep_codes(x, permuted(codebook, phi), renamed(old, phi), tolerance),
    )
    np.testing.assert_array_equal(plain.kept, other.kept)
    np.testing.assert_array_equal(renamed(plain.codes, phi), other.codes)


class Buckets(RuleBasedStateMachine):
    """The contents of one prefix, night after night: each has a last code, and as many fit in it as the capacity says.

    A night gives codes to newcomers only; a retraining gives them to all anew, with the old codes of some kept.
    """

    @initialize(capacity=st.integers(1, 3), size=st.integers(1, 5), seed=SEEDS)
    def prefix(self, capacity: int, size: int, seed: int) -> None:
        self.capacity, self.size, self.rng = capacity, size, np.random.default_rng(seed)
        self.given = np.zeros(0, np.int32)

    def taken(self, codes: np.ndarray) -> np.ndarray:
        return np.bincount(codes, minlength=self.size)

    def spread(self, first: np.ndarray, priority: np.ndarray, there: np.ndarray) -> np.ndarray:
        """Return the newcomers' codes; what must hold of them whatever is there already is checked here."""
        errors = self.rng.integers(0, 4, (len(first), self.size)).astype(np.float32)  # with many equal ones
        before = self.taken(there)
        last = within_capacity(errors, first, priority, before, self.capacity)
        after = before + self.taken(last)
        room = np.maximum(self.capacity - before, 0).sum()
        assert np.minimum(after, self.capacity).sum() - np.minimum(before, self.capacity).sum() == min(room, len(first))
        moved = last != first
        assert (after[first[moved]] >= self.capacity).all(), "nobody leaves a code that has a place"
        assert (self.taken(last[moved]) <= np.maximum(self.capacity - before, 0)).all(), "nor goes where there is none"
        for row in np.flatnonzero(moved):
            nearer = errors[row] < errors[row, last[row]]
            assert (after[nearer] >= self.capacity).all(), "nor passes over a nearer one"
        return last

    @rule(arrivals=st.integers(0, 6))
    def night(self, arrivals: int) -> None:
        first = self.rng.integers(0, self.size, arrivals).astype(np.int32)
        last = self.spread(first, np.zeros(arrivals, np.int8), self.given)
        self.given = np.concatenate([self.given, last])

    @precondition(lambda self: len(self.given))
    @rule(share=st.floats(0, 1))
    def retrain(self, share: float) -> None:
        """Kept codes are chosen before anybody else's: they stay, as far as they fitted before."""
        kept = self.rng.random(len(self.given)) < share
        first = np.where(kept, self.given, self.rng.integers(0, self.size, len(self.given))).astype(np.int32)
        last = self.spread(first, np.where(kept, KEPT, NEW), np.zeros(0, np.int32))
        if self.taken(self.given[kept]).max() <= self.capacity:
            assert (last[kept] == self.given[kept]).all()
        self.given = last

    @invariant()
    def above_capacity_only_where_every_place_is_taken(self) -> None:
        if hasattr(self, "given") and (self.taken(self.given) > self.capacity).any():
            assert (self.taken(self.given) >= self.capacity).all()


TestBuckets = Buckets.TestCase
TestBuckets.settings = settings(max_examples=50, stateful_step_count=15, deadline=None)
