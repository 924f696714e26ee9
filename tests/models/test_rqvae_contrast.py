import numpy as np
import pytest
import torch

from semid.quantize.base import quantization_error
from semid.quantize.codebook import to_bytes
from semid.quantize.pairs import Pairs
from semid.quantize.rqvae import RqvaeCodebook
from semid.quantize.rqvae_contrast import pair_loss
from semid.quantize.rqvae_module import RqvaeModule
from semid.quantize.rqvae_params import RqvaeParams
from semid.quantize.rqvae_train import RqvaeQuantizer
from tests.codebooks import random_codebook

PARAMS = RqvaeParams(
    latent=8,
    hidden=(32,),
    epochs=12,
    warm_epochs=12,
    batch_rows=128,
    threads=1,
    learning_rate=3e-3,
    warm_learning_rate=3e-3,
)


@pytest.fixture(scope="module")
def shop() -> tuple[np.ndarray, np.ndarray]:
    """Vectors whose loudest half is what each item is by itself, and whose quiet half says which group it is in."""
    rng = np.random.default_rng(0)
    group = rng.integers(8, size=700)
    quiet = 0.35 * np.random.default_rng(1).standard_normal((8, 6))[group]
    x = np.c_[rng.standard_normal((700, 6)), quiet + 0.1 * rng.standard_normal((700, 6))].astype(np.float32)
    return x, group


def pairs_of(group: np.ndarray, count: int, seed: int) -> Pairs:
    """Pairs of rows of one group."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(len(group), size=(40 * count, 2))
    rows = rows[(group[rows[:, 0]] == group[rows[:, 1]]) & (rows[:, 0] != rows[:, 1])][:count]
    return Pairs(rows, np.ones(len(rows)))


def fit(x: np.ndarray, pairs: Pairs | None, warm: RqvaeCodebook | None = None, **params: object) -> RqvaeCodebook:
    recipe = RqvaeQuantizer((16, 8), RqvaeParams(**{**vars(PARAMS), **params}))
    recipe = recipe if pairs is None else recipe.with_pairs(pairs)
    return recipe.fit(x, np.random.default_rng(0), warm)


def error(x: np.ndarray, codebook: RqvaeCodebook) -> float:
    return float(quantization_error(x, codebook.decode(codebook.encode(x))).mean())


def test_pairs_make_held_out_pairs_share_prefixes(shop):
    """Rows 500 and above are in no training pair: their codes follow from their vectors alone."""
    x, group = shop
    unseen = pairs_of(group[500:], 400, seed=2)
    plain, taught = fit(x[:500], None), fit(x[:500], pairs_of(group[:500], 600, seed=3), pair_weight=0.3)
    without, with_pairs = (unseen.agreement(codebook.encode(x[500:])) for codebook in (plain, taught))
    assert with_pairs[0] > 1.5 * without[0]
    assert error(x[500:], plain) < error(x[500:], taught) < x.var(axis=0).sum()


def test_pairs_also_enter_a_warm_start(shop):
    x, group = shop
    start = fit(x[:500], None)
    taught = fit(x[:500], pairs_of(group[:500], 600, seed=3), start, pair_weight=0.3, anchor=0.5)
    plain = fit(x[:500], None, start, anchor=0.5)
    unseen = pairs_of(group[500:], 400, seed=2)
    shares = [unseen.agreement(codebook.encode(x[500:]))[0] for codebook in (plain, taught)]
    assert shares[1] > 1.2 * shares[0]


def test_the_loss_is_the_cross_entropy_of_cosines():
    """Second implementation, in NumPy, from codes and centroids; a repeated second is no negative."""
    codebook = random_codebook("rqvae", 0)
    x = np.random.default_rng(1).standard_normal((9, 6)).astype(np.float32)
    pairs = np.array([[0, 1], [2, 3], [4, 1], [1, 5]])
    codes = codebook.encode(x)
    z = codebook.centroids[0][codes[:, 0]] + codebook.centroids[1][codes[:, 1]]
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    losses = []
    for i, (a, b) in enumerate(pairs):
        negatives = [other for j, (_, other) in enumerate(pairs) if j != i and other not in (a, b)]
        scores = np.array([z[a] @ z[b], *(z[a] @ z[n] for n in negatives)]) / 0.2
        losses.append(np.log(np.exp(scores).sum()) - scores[0])
    loss = pair_loss(RqvaeModule(codebook), torch.from_numpy(x), torch.from_numpy(pairs), 0.2)
    assert float(loss.detach()) == pytest.approx(np.mean(losses), rel=1e-4)


def test_the_pairs_loss_reaches_the_encoder_and_no_code_of_another_row():
    module = RqvaeModule(random_codebook("rqvae", 0))
    x = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    pair_loss(module, x, torch.tensor([[0, 1], [2, 3]]), 0.1).backward()
    assert float(module.encoder.skip.grad.abs().max()) > 0
    assert module.decoder.skip.grad is None


def test_the_checkpoint_is_judged_by_error_and_pairs(shop):
    """The error alone is lowest before the pairs have done anything."""
    x, group = shop
    seen: list[dict[str, float]] = []
    params = RqvaeParams(**{**vars(PARAMS), "pair_weight": 0.3})
    recipe = RqvaeQuantizer((16, 8), params, progress=lambda _, metrics: seen.append(dict(metrics)))
    codebook = recipe.with_pairs(pairs_of(group, 600, seed=3)).fit(x, np.random.default_rng(0))
    sums = [metrics["held_out_error"] + metrics["held_out_pairs"] for metrics in seen]
    assert int(np.argmin(sums)) > 2
    assert np.argmin([metrics["held_out_error"] for metrics in seen]) != np.argmin(sums)
    assert to_bytes(codebook) == to_bytes(
        recipe.with_pairs(pairs_of(group, 600, seed=3)).fit(x, np.random.default_rng(0))
    )


def test_pairs_count_by_their_weight(shop):
    """Wrong pairs of next to no weight change no draw, neither in training nor in judging; heavy ones do."""
    x, group = shop
    true, false = pairs_of(group, 600, seed=3), np.random.default_rng(4).permutation(700)[:400].reshape(-1, 2)
    both = np.concatenate([true.rows, false])
    alone, light, heavy = (
        to_bytes(fit(x, pairs, epochs=3))
        for pairs in (true, *(Pairs(both, np.r_[true.weight, np.full(len(false), w)]) for w in (1e-12, 1.0)))
    )
    assert alone == light != heavy


def test_without_a_pair_between_training_rows_it_refuses(shop):
    x, _ = shop
    with pytest.raises(ValueError, match="no pair has both rows"):
        fit(x, Pairs(np.empty((0, 2), np.int64), np.empty(0)))


@pytest.mark.parametrize("name", ["pair_weight", "temperature"])
def test_pair_params_out_of_range_are_refused(name):
    with pytest.raises(ValueError, match="are positive"):
        RqvaeParams(**{name: 0.0})
