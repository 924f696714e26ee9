import numpy as np
import pyarrow as pa
import pytest

from semid.downstream.slates import SlateParams, rerank_batches
from semid.downstream.ssd import PrefixTerm, SpectrumTerm, rerank
from semid.measure.diversity import distinct_prefixes, relevance_kept, window_similarity


def slow(relevance, codes, vectors, *params):
    """The formula of ssd.py term by term, with residual vectors."""
    weight, gamma, window, length = params
    score = (relevance - relevance.mean()) / relevance.std()
    left = np.column_stack([vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.ones(len(vectors))])
    taken, basis = [], []
    for _ in range(length):
        best, chosen = -np.inf, -1
        for i in set(range(len(score))) - set(taken):
            lcp = [np.logical_and.accumulate(codes[i] == codes[j]).sum() for j in taken[::-1][:window]]
            penalty = sum(n / d for d, n in enumerate(lcp, 1)) / codes.shape[1]
            utility = score[i] + gamma * np.linalg.norm(left[i]) - weight * penalty
            best, chosen = max((best, chosen), (utility, i))
        taken.append(chosen)
        if len(basis) == window:
            old, along = basis.pop(0)
            left += along[:, None] * old
        direction = left[chosen] / np.linalg.norm(left[chosen])
        along = left @ direction
        left = left - along[:, None] * direction
        basis.append((direction, along))
    return taken


def slate(seed, n=30):
    rng = np.random.default_rng(seed)
    return rng.random(n), rng.integers(3, size=(n, 3)).astype(np.int32), rng.standard_normal((n, 8)).astype(np.float32)


@pytest.mark.parametrize(("weight", "gamma"), [(0.5, 0), (0, 1), (1, 2)])
def test_a_batch_is_ranked_as_the_formula_says(weight, gamma):
    """Windows slide, terms add up, and a slate does not depend on its batch."""
    slates = [slate(seed) for seed in range(3)]
    relevance, codes, vectors = (np.stack(parts) for parts in zip(*slates, strict=True))
    order = rerank(relevance, [PrefixTerm(codes, weight, 4), SpectrumTerm(vectors, gamma, 4)], 15)
    assert order.tolist() == [slow(*one, weight, gamma, 4, 15) for one in slates]


def test_missing_candidates_are_never_shown():
    order = rerank(np.array([[1.0, 3.0, -np.inf]]), [], 4)
    assert order.tolist() == [[1, 0, -1, -1]]
    with pytest.raises(ValueError, match="NaN"):
        rerank(np.array([[np.nan]]), [], 1)


def test_arrow_slates_of_several_sizes_give_what_each_gives_alone():
    sizes = [30, 7, 0]
    made = [slate(seed, n) for seed, n in enumerate(sizes)]
    columns = {
        "slate_id": pa.array(["a", "b", "c"]),
        "item_id": pa.array([[f"{n}-{i}" for i in range(n)] for n in sizes], pa.list_(pa.string())),
        "relevance": pa.array([one[0].tolist() for one in made], pa.list_(pa.float64())),
        "codes": pa.array([one[1].tolist() for one in made], pa.list_(pa.list_(pa.int32()))),
    }
    rows = next(rerank_batches([pa.record_batch(columns)], SlateParams(length=10, prefix_weight=1.0))).to_pylist()
    for name, n, (relevance, codes, _) in zip("ab", sizes, made, strict=False):
        alone = rerank(relevance[None], [PrefixTerm(codes[None], 1.0)], 10)[0]
        assert [row["item_id"] for row in rows if row["slate_id"] == name] == [f"{n}-{i}" for i in alone if i >= 0]
    assert {row["slate_id"] for row in rows} == {"a", "b"}


def test_measures_of_a_known_list():
    codes = np.array([[0, 0], [0, 1], [1, 0]], np.int32)
    assert distinct_prefixes(codes, 1, window=2) == 1.5
    assert distinct_prefixes(codes, 2) == 3
    assert window_similarity(np.array([[2, 0], [1, 0], [0, 1]], np.float32), window=2) == pytest.approx(0.5)
    assert relevance_kept(np.array([1.0, 3.0, 2.0]), np.array([1, 0])) == 0.8
