"""The named ways of training: each as a formula, and all through cold and warm fits."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.quantize.base import quantization_error
from semid.quantize.codebook import to_bytes
from semid.quantize.rqvae import RqvaeCodebook
from semid.quantize.rqvae_assignment import (
    ASSIGNMENTS,
    ROUNDS,
    SHARPNESS,
    all_balanced,
    balanced,
    last_balanced,
    nearest,
)
from semid.quantize.rqvae_codebooks import DECAY, LEARNINGS, EmaCodebooks, Trial
from semid.quantize.rqvae_gradient import ESTIMATORS, rotation, straight_through
from semid.quantize.rqvae_params import Pace, RqvaeParams
from semid.quantize.rqvae_passes import Passes
from semid.quantize.rqvae_train import RqvaeQuantizer, nearest_step
from tests.codebooks import bent_sheet, random_codebook

TINY = RqvaeParams(latent=8, hidden=(16,), epochs=6, warm_epochs=4, batch_rows=64, threads=1)


def params(**values: object) -> RqvaeParams:
    return RqvaeParams(**{**vars(TINY), **values})


def fit(x: np.ndarray, warm: RqvaeCodebook | None = None, **values: object) -> RqvaeCodebook:
    return RqvaeQuantizer((8, 8), params(**values)).fit(x, np.random.default_rng(0), warm)


def vectors(seed: int, rows: int, width: int = 5) -> torch.Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("estimate", ESTIMATORS.values(), ids=ESTIMATORS)
def test_an_estimator_changes_no_value(estimate):
    latent, quantized = vectors(0, 50), vectors(1, 50)
    latent[0], quantized[1] = 0, 0  # nothing to turn
    quantized[2] = -latent[2]  # no rotation
    torch.testing.assert_close(estimate(latent, quantized), quantized, atol=1e-5, rtol=1e-5)


def test_straight_through_copies_the_gradient():
    latent, gradient = vectors(0, 4).requires_grad_(), vectors(2, 4)
    straight_through(latent, vectors(1, 4)).backward(gradient)
    torch.testing.assert_close(latent.grad, gradient)


@given(seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_rotation_turns_and_stretches_the_gradient(seed):
    """The gradient is |q|/|e| R'g: of that length, at the angle to e that g has to q (arXiv 2410.06424, 4.2)."""
    latent, quantized, g = vectors(seed, 6).requires_grad_(), vectors(seed + 1, 6), vectors(seed + 2, 6)
    rotation(latent, quantized).backward(g)
    e, stretch = latent.detach(), quantized.norm(dim=1) / latent.detach().norm(dim=1)
    torch.testing.assert_close(latent.grad.norm(dim=1), stretch * g.norm(dim=1), rtol=1e-3, atol=1e-4)
    cosine = torch.nn.functional.cosine_similarity
    torch.testing.assert_close(cosine(latent.grad, e), cosine(g, quantized), rtol=1e-3, atol=1e-3)


def test_nearest_is_the_smallest_distance():
    assert nearest(torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 5.0]])).tolist() == [1, 0]


def test_balanced_codes_split_a_crowd_and_leave_what_is_clear():
    """Known answer: a crowd beside two centroids is shared more evenly, in order; rows on their centroids stay."""
    along = torch.linspace(-1, 1, 64)
    to = torch.tensor([0.4, 0.9])  # nearest alone would give code 0 to 52 of the 64
    crowd = (along[:, None] - to).square() / 2
    assert torch.bincount(crowd.argmin(dim=1)).tolist() == [52, 12]
    assert torch.bincount(balanced(crowd)).tolist() == [39, 25]
    assert (balanced(crowd).diff() >= 0).all()
    clear = torch.tensor([[0.0, 100.0], [100.0, 0.0]]).repeat(5, 1)
    assert balanced(clear).tolist() == [0, 1] * 5


def test_balanced_codes_are_those_of_sinkhorns_plan():
    """Second implementation: the plan itself, its columns and rows scaled in turn."""
    distances = vectors(0, 40, 8).square().double().numpy()
    plan = np.exp(-distances / (SHARPNESS * distances.std()))
    for _ in range(ROUNDS):
        plan /= plan.sum(axis=1, keepdims=True) * 40
        plan /= plan.sum(axis=0, keepdims=True) * 8
    own = balanced(torch.from_numpy(distances).float()).numpy()
    assert (own == plan.argmax(axis=1)).mean() > 0.95  # float32 may turn a tie
    assert np.bincount(own).std() < np.bincount(distances.argmin(axis=1), minlength=8).std()


def test_all_distances_alike_give_some_code():
    assert balanced(torch.zeros(4, 3)).shape == (4,)


def test_assignments_name_a_choice_per_level():
    assert last_balanced(3) == (nearest, nearest, balanced)
    assert all_balanced(2) == (balanced, balanced)


def test_moving_averages_of_a_known_batch():
    """Formula: N <- d N + (1 - d) n, m <- d m + (1 - d) sum, centroid m / N, the next level on what is left."""
    centroids = [torch.nn.Parameter(vectors(0, 2)), torch.nn.Parameter(vectors(1, 2))]
    before = [c.detach().clone() for c in centroids]
    latent, weight = vectors(2, 3), torch.tensor([1.0, 0.5, 0.5])
    codes = torch.tensor([[0, 1], [0, 1], [1, 1]])
    EmaCodebooks(centroids, batch_rows=8).after_step(Trial(torch.zeros(3), latent, codes, weight))
    share = 8 / 2
    first = (DECAY * share * before[0][0] + (1 - DECAY) * (latent[0] + 0.5 * latent[1])) / (
        DECAY * share + (1 - DECAY) * 1.5
    )
    torch.testing.assert_close(centroids[0][0].detach(), first)
    left = latent - before[0][codes[:, 0]]
    second = (DECAY * share * before[1][1] + (1 - DECAY) * (weight[:, None] * left).sum(dim=0)) / (
        DECAY * share + (1 - DECAY) * 2
    )
    torch.testing.assert_close(centroids[1][1].detach(), second)
    torch.testing.assert_close(centroids[1][0].detach(), before[1][0])


def test_a_revived_code_starts_its_average_again():
    centroids = [torch.nn.Parameter(vectors(0, 2))]
    learning = EmaCodebooks(centroids, batch_rows=8)
    with torch.no_grad():
        centroids[0][1] = 7.0
    learning.moved(0, torch.tensor([1]))
    nobody = Trial(torch.zeros(1), vectors(1, 1), torch.zeros(1, 1, dtype=torch.int64), torch.ones(1))
    learning.after_step(nobody)
    torch.testing.assert_close(centroids[0][1].detach(), torch.full((5,), 7.0))


def test_moving_averages_take_the_centroids_from_the_optimizer():
    x = bent_sheet(300)
    passes = Passes(
        random_codebook("rqvae", 0, dim=16), x, params(codebooks="ema"), Pace(1, 1e-3), np.random.default_rng(0)
    )
    loss = nearest_step(passes)(torch.arange(50)).losses.mean()
    loss.backward()
    assert all(c.grad is None for c in passes.module.centroids)
    assert passes.module.encoder.skip.grad is not None


DEFAULT = {name: getattr(TINY, name) for name in ("gradient", "codebooks", "assignment")}
EVERY = list(itertools.product(ESTIMATORS, LEARNINGS, ASSIGNMENTS))


@pytest.fixture(scope="module")
def default() -> bytes:
    return to_bytes(fit(bent_sheet(400), learning_rate=3e-3))


@pytest.mark.parametrize(("gradient", "codebooks", "assignment"), EVERY)
def test_every_way_trains_cold_and_warm_and_unlike_the_default(gradient, codebooks, assignment, default):
    x = bent_sheet(400)
    chosen = {"gradient": gradient, "codebooks": codebooks, "assignment": assignment, "learning_rate": 3e-3}
    cold = fit(x, **chosen)
    for codebook in (cold, fit(x, cold, **chosen, anchor=0.5)):
        codes = codebook.encode(x)
        assert float(quantization_error(x, codebook.decode(codes)).mean()) < 0.35 * x.var(axis=0).sum()
        assert [len(np.unique(level)) for level in codes.T] == [8, 8]
    assert (to_bytes(cold) == default) == (chosen == {**chosen, **DEFAULT})


def test_the_same_seed_gives_the_same_bytes():
    x, chosen = bent_sheet(400), {"codebooks": "ema", "assignment": "sinkhorn"}
    assert to_bytes(fit(x, **chosen)) == to_bytes(fit(x, **chosen))


@pytest.mark.parametrize("name", ["gradient", "codebooks", "assignment"])
def test_an_unknown_way_is_refused_with_the_known_ones(name):
    with pytest.raises(ValueError, match=rf"{name} is one of \w+, .*got 'magic'"):
        RqvaeParams(**{name: "magic"})
