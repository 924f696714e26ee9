from dataclasses import replace

import numpy as np
import pytest
import torch

from semid.quantize.base import quantization_error
from semid.quantize.codebook import to_bytes
from semid.quantize.holdout import held_out
from semid.quantize.hysteresis import keep_codes
from semid.quantize.rqvae import RqvaeCodebook
from semid.quantize.rqvae_module import RqvaeModule
from semid.quantize.rqvae_params import Pace, RqvaeParams
from semid.quantize.rqvae_passes import Passes
from semid.quantize.rqvae_train import RqvaeQuantizer
from semid.quantize.rqvae_warm import anchored, anchored_step, recentred
from tests.codebooks import bent_sheet, random_codebook

TINY = RqvaeParams(latent=8, hidden=(16,), epochs=4, warm_epochs=8, batch_rows=64, threads=1)


def fit(x: np.ndarray, warm_start: RqvaeCodebook | None = None, **params: object) -> RqvaeCodebook:
    settings = RqvaeParams(**{**vars(TINY), **params})
    return RqvaeQuantizer((8, 8), settings).fit(x, np.random.default_rng(0), warm_start)


def error(x: np.ndarray, codebook: RqvaeCodebook, codes: np.ndarray) -> float:
    return float(quantization_error(x, codebook.decode(codes)).mean())


@pytest.fixture(scope="module")
def sheet() -> np.ndarray:
    return bent_sheet(500)


@pytest.fixture(scope="module")
def old(sheet) -> RqvaeCodebook:
    """Not trained to the end, so that a warm start has something to learn."""
    return fit(sheet[:400])


@pytest.mark.parametrize("anchor", [0, 0.3, 1])
def test_the_anchor_mixes_the_losses_of_nearest_and_old_codes(anchor):
    module = RqvaeModule(random_codebook("rqvae", 0))
    x, rng = torch.randn(20, 6, generator=torch.Generator().manual_seed(0)), np.random.default_rng(0)
    latent = module.encoder(x)
    nearest = module.nearest(latent)
    codes = torch.from_numpy(np.c_[rng.integers(5, size=20), rng.integers(3, size=20)])
    codes[:5] = nearest[:5]
    trial = anchored(module, x, codes, RqvaeParams(anchor=anchor, commitment=0.7))
    each = [module.losses(x, latent, c, 0.7) for c in (nearest, codes)]
    torch.testing.assert_close(trial.losses, (1 - anchor) * each[0] + anchor * each[1])
    assert trial.codes.tolist() == [*nearest.tolist(), *codes.tolist()]
    torch.testing.assert_close(trial.weight, torch.tensor([1 - anchor] * 20 + [anchor] * 20, dtype=torch.float32))
    torch.testing.assert_close(trial.latent, latent.repeat(2, 1))


def test_an_anchor_lets_hysteresis_keep_more_codes(sheet, old):
    """Same passes and learning rate, without and with: 7 and 2.5 % of the IDs move."""
    before = old.encode(sheet)
    free, held = (fit(sheet, old, anchor=anchor, warm_learning_rate=1e-2) for anchor in (0, 0.9))
    moved = [1 - keep_codes(sheet[:400], codebook, before[:400], 0.1).kept.mean() for codebook in (free, held)]
    assert moved[1] < 0.6 * moved[0]
    assert error(sheet, held, before) < error(sheet, free, before) < error(sheet, old, before)


def test_a_warm_start_with_hysteresis_moves_few_ids_and_lowers_the_error(sheet, old):
    """A fifth of the rows are new: 11 % of the old IDs would move, 5 % do."""
    before, codebook = old.encode(sheet[:400]), fit(sheet, old, warm_learning_rate=1e-2)
    result = keep_codes(sheet[:400], codebook, before, 0.1)
    assert float((codebook.encode(sheet[:400]) != before).any(axis=1).mean()) > 0.08
    assert 1 - result.kept.mean() < 0.07
    assert result.error.mean() < 0.9 * error(sheet[:400], old, before)
    new = sheet[400:]
    assert error(new, codebook, codebook.encode(new)) < 0.9 * error(new, old, old.encode(new))


@pytest.mark.parametrize("warm", [False, True])
def test_rows_held_out_by_their_hash_never_train(sheet, old, warm):
    """Without half of them every loss of the training is the same."""
    out = np.flatnonzero(held_out(sheet, 0.1, "rqvae"))
    losses = []
    for x in (sheet, np.delete(sheet, out[::2], axis=0)):
        losses.append([])
        recipe = RqvaeQuantizer((8, 8), TINY, progress=lambda epoch, metrics: losses[-1].append(metrics.get("loss")))
        recipe.fit(x, np.random.default_rng(0), old if warm else None)
    shared = min(map(len, losses))
    assert losses[0][:shared] == losses[1][:shared]
    assert shared > 2


def test_a_code_that_rows_have_never_moves_to_other_rows(sheet, old):
    """With no learning to speak of, only revival moves centroids: those that no row has, at the first level 5 to 7."""
    first = old.centroids[0].copy()
    first[5:] = 1e3
    start = RqvaeCodebook(old.encoder, (first, old.centroids[1]), old.decoder)
    passes = Passes(start, sheet, replace(TINY, weight_decay=0), Pace(1, 1e-12), np.random.default_rng(0))
    passes.epoch(anchored_step(passes, start))
    alive, after = np.unique(start.encode(sheet)[:, 0]), passes.module.frozen().centroids[0]
    assert set(alive) <= set(range(5))
    np.testing.assert_allclose(first[alive], after[alive], atol=1e-6)
    assert np.abs(after[5:]).max() < 100


def test_recentred_centroids_are_those_of_residual_kmeans_on_the_latents(sheet, old):
    """Known answer at the first level: the means of the latents that have each code."""
    result, latents, code = recentred(old, sheet, np.random.default_rng(0)), old.encoder(sheet), old.encode(sheet)[:, 0]
    for used in np.unique(code):
        np.testing.assert_allclose(latents[code == used].mean(axis=0), result.centroids[0][used], atol=1e-5)
    assert (result.encoder, result.decoder) == (old.encoder, old.decoder)


def test_a_warm_start_begins_recentred(sheet, old):
    seen: list[float] = []
    recipe = RqvaeQuantizer((8, 8), TINY, progress=lambda epoch, metrics: seen.append(metrics["held_out_error"]))
    recipe.fit(sheet, np.random.default_rng(0), old)
    out = held_out(sheet, 0.1, "rqvae")
    begin = recentred(old, sheet[~out], np.random.default_rng(0))
    expected = error(sheet[out], begin, begin.encode(sheet[out])) / sheet[~out].var(axis=0).sum()
    assert seen[0] == pytest.approx(expected, rel=1e-4)


def test_the_same_rows_and_seed_give_the_same_bytes(sheet, old):
    first = fit(sheet, old)
    assert to_bytes(first) == to_bytes(fit(sheet, old))
    assert to_bytes(first) != to_bytes(RqvaeQuantizer((8, 8), TINY).fit(sheet, np.random.default_rng(1), old))


@pytest.mark.parametrize("anchor", [-0.1, 1.1, np.nan])
def test_an_anchor_that_is_no_share_is_refused(anchor):
    with pytest.raises(ValueError, match="anchor is a share"):
        RqvaeParams(anchor=anchor)
