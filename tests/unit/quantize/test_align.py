from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.quantize import align
from semid.quantize.align import (
    aligned,
    count_matrices,
    count_matrix,
    matching,
    permuted,
    renamed,
)
from semid.quantize.rkmeans import RkmeansCodebook, RkmeansQuantizer
from tests.codebooks import KINDS, random_codebook

SIZES = (6, 5, 4)


def agreement(counts: np.ndarray, phi: tuple[int, ...] | np.ndarray) -> int:
    """Items whose old code is the number that their new code gets."""
    return sum(int(counts[a, b]) for a, b in enumerate(phi) if b < counts.shape[1])


def counts_of(table: list[list[int]]) -> align.Counts:
    dense = np.array(table)
    new, old = np.nonzero(dense)
    return count_matrix(new, old, dense.shape, dense[new, old])


count_tables = st.tuples(st.integers(1, 5), st.integers(1, 7), st.integers(0, 10**6)).map(
    lambda t: np.random.default_rng(t[2]).integers(0, 4, size=t[:2]).tolist()
)


def test_pairs_that_repeat_and_weights_are_added_up():
    items = count_matrix(np.array([0, 2, 0, 0]), np.array([1, 1, 1, 0]), (3, 2))
    np.testing.assert_array_equal([[1, 2], [0, 0], [0, 1]], items.toarray())
    triples = count_matrix(np.array([0, 2, 0]), np.array([1, 1, 0]), (3, 2), np.array([2, 1, 1]))
    np.testing.assert_array_equal(items.toarray(), triples.toarray())


def test_a_code_outside_its_level_is_refused():
    for code in (-1, 3):
        with pytest.raises(ValueError, match="index"):
            count_matrix(np.array([code]), np.array([0]), (3, 2))


def test_the_best_matching_may_leave_the_heaviest_pair_unmatched():
    """5 + 5 beats 6 + 0: greedy takes the 6."""
    counts = counts_of([[6, 5], [5, 0]])
    np.testing.assert_array_equal([1, 0], matching(counts))


def test_greedy_takes_the_heaviest_pair_first(monkeypatch):
    monkeypatch.setattr(align, "HUNGARIAN_MAX", 1)
    np.testing.assert_array_equal([0, 1], matching(counts_of([[6, 5], [5, 0]])))
    np.testing.assert_array_equal([1, 0, 2], matching(counts_of([[0, 3, 3], [0, 3, 0], [0, 0, 0]])))


@given(count_tables)
@settings(max_examples=60, deadline=None)
def test_no_permutation_agrees_on_more_items(table):
    """Second implementation: all of them."""
    counts = np.array(table)
    phi = matching(counts_of(table))
    assert sorted(phi) == list(range(len(counts)))
    best = max(agreement(counts, p) for p in permutations(range(len(counts))))
    assert agreement(counts, phi) == best


@given(count_tables)
@settings(max_examples=60, deadline=None)
def test_greedy_is_a_permutation_with_at_least_half_the_best_agreement(table):
    """Half of the optimum: known bound of greedy matching (Preis, STACS 1999)."""
    counts = np.array(table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(align, "HUNGARIAN_MAX", 0)
        phi = matching(counts_of(table))
    assert sorted(phi) == list(range(len(counts)))
    best = max(agreement(counts, p) for p in permutations(range(len(counts))))
    assert agreement(counts, phi) >= best / 2


def test_codes_without_items_keep_their_number_or_take_the_lowest_free_one():
    counts = counts_of([[0, 0, 0, 0], [0, 0, 0, 0], [9, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal([2, 1, 0, 3], matching(counts))


@pytest.mark.parametrize("largest", [0, 4096])
@given(st.integers(1, 6), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_only_pairs_with_items_are_matched(largest, size, seed):
    """Triples of weight 0 too: their codes keep their numbers as far as these are free."""
    rng = np.random.default_rng(seed)
    weight = rng.integers(0, 3, size=(size, size)) * rng.integers(0, 2, size=(size, 1))
    new, old = np.indices((size, size)).reshape(2, -1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(align, "HUNGARIAN_MAX", largest)
        phi = matching(count_matrix(new, old, (size, size), weight.ravel()))
    taken = {int(b) for a, b in enumerate(phi) if weight[a, b]}
    free = [a for a in range(size) if not weight[a].any() and a not in taken]
    assert phi[free].tolist() == free


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ([[0, 4], [0, 0], [3, 0]], [1, 2, 0]),  # more new codes than old: the one left over gets the new number
        ([[0, 0, 9], [2, 1, 0]], [1, 0]),  # fewer: number 2 does not exist any more, 2 + 0 is the best of the rest
    ],
)
def test_sizes_may_differ(table, expected):
    np.testing.assert_array_equal(expected, matching(counts_of(table)))


@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_permuting_rows_renames_codes_and_moves_no_reconstruction(kind, seed):
    """Residuals depend on the levels above, but on their centroids, not on their numbers."""
    codebook, rng = random_codebook(kind, seed, SIZES, dim=8), np.random.default_rng(seed)
    phi = [rng.permutation(size).astype(np.int32) for size in codebook.sizes]
    x = rng.standard_normal((60, 8)).astype(np.float32)
    codes, result = codebook.encode(x), permuted(codebook, phi)
    np.testing.assert_array_equal(renamed(codes, phi), result.encode(x))
    np.testing.assert_array_equal(codebook.decode(codes), result.decode(result.encode(x)))


def test_what_is_no_permutation_is_refused():
    codebook = random_codebook("rkmeans", 0, (3, 2))
    for phi in ([[0, 1, 1], [0, 1]], [[0, 1, 2]], [[0, 1], [0, 1]]):
        with pytest.raises(ValueError, match=r"one permutation for each level of \(3, 2\)"):
            permuted(codebook, [np.array(numbers, np.int32) for numbers in phi])


@pytest.mark.parametrize("kind", KINDS)
def test_a_renamed_codebook_gets_its_old_numbers_back(kind):
    """Known answer: the same centroids in another order."""
    old, rng = random_codebook(kind, 3, SIZES, dim=8), np.random.default_rng(1)
    x = rng.standard_normal((500, 8)).astype(np.float32)
    shuffled = permuted(old, [rng.permutation(size).astype(np.int32) for size in old.sizes])
    counts = count_matrices(shuffled.encode(x), old.encode(x), shuffled.sizes, old.sizes)
    result, phi = aligned(shuffled, counts)
    np.testing.assert_array_equal(old.encode(x), result.encode(x))
    np.testing.assert_array_equal(renamed(shuffled.encode(x), phi), result.encode(x))


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_alignment_never_agrees_less_than_no_alignment_and_ignores_the_order_of_items(seed):
    old, new = random_codebook("rkmeans", seed, (6, 5)), random_codebook("rkmeans", seed + 1, (4, 7, 3))
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((80, 6)).astype(np.float32)
    order = rng.permutation(80)
    before, plain = old.encode(x), new.encode(x)
    result, phi = aligned(new, count_matrices(plain, before, new.sizes, old.sizes))
    again = aligned(new, count_matrices(plain[order], before[order], new.sizes, old.sizes))[1]
    assert all((a == b).all() for a, b in zip(phi, again, strict=True))
    for level in range(2):
        same = [(codes[:, level] == before[:, level]).sum() for codes in (plain, result.encode(x))]
        assert same[0] <= same[1]
    np.testing.assert_array_equal(np.arange(3), phi[2])  # a level that the old codebook does not have


@given(st.integers(0, 10**6), st.booleans())
@settings(max_examples=25, deadline=None)
def test_equal_centroids_are_renamed_in_order(seed, negative_zero):
    """Encoding takes the lowest of equal rows, so another order would rename the code that is in use."""
    rng = np.random.default_rng(seed)
    centroids = rng.integers(-1, 2, size=(9, 2)).astype(np.float32)
    centroids[centroids == 0] = -0.0 if negative_zero else 0.0
    candidate = RkmeansCodebook((centroids,))
    x = (rng.integers(-1, 2, size=(50, 2)) * 1.01).astype(np.float32)
    old = rng.integers(9, size=(50, 1)).astype(np.int32)
    result, phi = aligned(candidate, count_matrices(candidate.encode(x), old, (9,), (9,)))
    # a row halfway between different centroids has no code of its own
    unsure = (np.sort(np.square(x[:, None] - np.unique(centroids, axis=0)[None]).sum(2), axis=1)[:, :2] @ [1, -1]) == 0
    np.testing.assert_array_equal(renamed(candidate.encode(x), phi)[~unsure], result.encode(x)[~unsure])


def test_counts_of_another_codebook_are_refused():
    with pytest.raises(ValueError, match="level 2 has 5 codes, the counts are for 6"):
        aligned(random_codebook("rkmeans", 0, SIZES), [counts_of([[1]] * 6), counts_of([[1]] * 6)])


def test_alignment_rescues_a_refit_from_other_data(clustered):
    """Golden: far clusters are found again, under other numbers."""
    x = clustered(n=600, groups=12)
    old, new = (RkmeansQuantizer((12, 4)).fit(part, np.random.default_rng(0)) for part in (x[:300], x[300:][::-1]))
    result, _ = aligned(new, count_matrices(new.encode(x), old.encode(x), new.sizes, old.sizes))
    same = [float((c.encode(x)[:, 0] == old.encode(x)[:, 0]).mean()) for c in (new, result)]
    assert same[0] < 0.2
    assert same[1] > 0.99
