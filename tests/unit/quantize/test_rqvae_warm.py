import numpy as np
import pytest
import torch

from semid.quantize.base import quantization_error
from semid.quantize.codebook import to_bytes
from semid.quantize.hysteresis import keep_codes
from semid.quantize.rqvae import RqvaeCodebook
from semid.quantize.rqvae_module import RqvaeModule
from semid.quantize.rqvae_passes import RqvaeParams
from semid.quantize.rqvae_train import RqvaeQuantizer
from semid.quantize.rqvae_warm import anchored
from tests.codebooks import random_codebook

TINY = RqvaeParams(latent=8, hidden=(16,), epochs=4, warm_epochs=8, learning_rate=1e-2, batch_rows=128, threads=1)


def fit(x: np.ndarray, warm_start: RqvaeCodebook | None = None, **params: object) -> RqvaeCodebook:
    settings = RqvaeParams(**{**vars(TINY), **params})
    return RqvaeQuantizer((8, 8), settings).fit(x, np.random.default_rng(0), warm_start)


def error(x: np.ndarray, codebook: RqvaeCodebook, codes: np.ndarray) -> float:
    return float(quantization_error(x, codebook.decode(codes)).mean())


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    """Without clusters every border is crowded: the hardest case for codes that shall stay."""
    return np.random.default_rng(0).standard_normal((500, 12)).astype(np.float32)


@pytest.fixture(scope="module")
def old(noise) -> RqvaeCodebook:
    return fit(noise[:400])


@pytest.mark.parametrize("anchor", [0, 0.3, 1])
def test_the_anchor_mixes_the_losses_of_nearest_and_old_codes(anchor):
    module = RqvaeModule(random_codebook("rqvae", 0))
    x, rng = torch.randn(20, 6, generator=torch.Generator().manual_seed(0)), np.random.default_rng(0)
    latent = module.encoder(x)
    nearest = module.nearest(latent)
    codes = torch.from_numpy(np.c_[rng.integers(5, size=20), rng.integers(3, size=20)])
    codes[:5] = nearest[:5]
    losses, used = anchored(module, x, codes, RqvaeParams(anchor=anchor, commitment=0.7))
    each = [module.losses(x, latent, c, 0.7) for c in (nearest, codes)]
    torch.testing.assert_close(losses, (1 - anchor) * each[0] + anchor * each[1])
    assert {tuple(row) for row in used.tolist()} == {tuple(row) for row in [*nearest.tolist(), *codes.tolist()]}


def test_an_anchor_lets_hysteresis_keep_more_codes_which_it_serves_better(noise, old):
    """Same passes and learning rate, without and with: 6.8 and 2.8 % of the IDs move."""
    before = old.encode(noise)
    free, held = (fit(noise, old, anchor=anchor) for anchor in (0, 0.9))
    moved = [1 - keep_codes(noise[:400], codebook, before[:400], 0.1).kept.mean() for codebook in (free, held)]
    assert moved[1] < 0.6 * moved[0]
    assert error(noise, held, before) < error(noise, free, before) < error(noise, old, before)


def test_a_warm_start_with_hysteresis_moves_few_ids_and_lowers_the_error(noise, old):
    """A fifth of the rows are new: 18 % of the old IDs would move, 3.5 % do."""
    before, codebook = old.encode(noise[:400]), fit(noise, old)
    result = keep_codes(noise[:400], codebook, before, 0.1)
    assert float((codebook.encode(noise[:400]) != before).any(axis=1).mean()) > 0.1
    assert 1 - result.kept.mean() < 0.05
    assert result.error.mean() < 0.99 * error(noise[:400], old, before)
    new = noise[400:]
    assert error(new, codebook, codebook.encode(new)) < 0.97 * error(new, old, old.encode(new))


def test_a_code_that_rows_have_never_moves_to_other_rows(noise, old):
    """With no learning to speak of, only revival moves centroids: those that no row has, at the first level 5 to 7."""
    old.centroids[0].flags.writeable = False
    first = old.centroids[0].copy()
    first[5:] = 1e3
    start = RqvaeCodebook(old.encoder, (first, old.centroids[1]), old.decoder)
    result = fit(noise, start, learning_rate=1e-12, weight_decay=0, warm_epochs=1)
    alive = np.unique(start.encode(noise)[:, 0])
    assert set(alive) <= set(range(5))
    np.testing.assert_allclose(first[alive], result.centroids[0][alive], atol=1e-6)
    assert np.abs(result.centroids[0][5:]).max() < 100


def test_every_pass_is_made_and_the_same_rows_give_the_same_bytes(noise, old):
    seen: list[int] = []
    recipe = RqvaeQuantizer((8, 8), TINY, progress=lambda epoch, metrics: seen.append(epoch))
    first = recipe.fit(noise, np.random.default_rng(0), old)
    assert seen == list(range(1, 9))
    assert to_bytes(first) == to_bytes(fit(noise, old))
    assert to_bytes(first) != to_bytes(recipe.fit(noise, np.random.default_rng(1), old))


@pytest.mark.parametrize("anchor", [-0.1, 1.1, np.nan])
def test_an_anchor_that_is_no_share_is_refused(anchor):
    with pytest.raises(ValueError, match="anchor is a share"):
        RqvaeParams(anchor=anchor)
