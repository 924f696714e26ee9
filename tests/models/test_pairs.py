import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semid.quantize.pairs import PairLearner, Pairs
from semid.quantize.quantizers import quantizer


def pairs(*rows: tuple[int, int], weight: list[float] | None = None) -> Pairs:
    return Pairs(np.array(rows, np.int64).reshape(-1, 2), np.array(weight or [1.0] * len(rows)))


@given(
    ends=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda p: p[0] != p[1]), max_size=20),
    kept=st.lists(st.booleans(), min_size=10, max_size=10),
)
def test_pairs_within_some_rows_name_the_same_rows_of_the_smaller_matrix(ends, kept):
    x, mask, all_pairs = np.arange(10), np.array(kept), pairs(*ends)
    inside = all_pairs.within(mask)
    assert x[mask][inside.rows].tolist() == [list(p) for p in ends if kept[p[0]] and kept[p[1]]]
    touching = all_pairs.touching(~mask)
    assert len(inside) + len(touching) == len(ends)
    assert touching.rows.tolist() == [list(p) for p in ends if not (kept[p[0]] and kept[p[1]])]


def test_agreement_is_the_weighted_share_of_pairs_with_an_equal_prefix():
    codes = np.array([[0, 1], [0, 1], [0, 2], [3, 2]], np.int32)
    assert pairs((0, 1), (0, 2), (2, 3), weight=[1, 2, 5]).agreement(codes) == pytest.approx([3 / 8, 1 / 8])
    with pytest.raises(ValueError, match="no pairs"):
        pairs().agreement(codes)


@pytest.mark.parametrize(
    ("rows", "weight", "message"),
    [
        ([[0, 0]], [1.0], "two different rows"),
        ([[0, -1]], [1.0], "two different rows"),
        ([[0, 1]], [0.0], "positive and finite"),
        ([[0, 1]], [np.nan], "positive and finite"),
        ([[0, 1]], [np.inf], "positive and finite"),
        ([[0, 1]], [1.0, 1.0], "do not match"),
    ],
)
def test_pairs_that_make_no_sense_are_refused(rows, weight, message):
    with pytest.raises(ValueError, match=message):
        Pairs(np.array(rows), np.array(weight))


def test_only_the_rqvae_learns_from_pairs():
    able = {kind: isinstance(quantizer(kind, (8, 8), {}), PairLearner) for kind in ("rkmeans", "rqvae")}
    assert able == {"rkmeans": False, "rqvae": True}
