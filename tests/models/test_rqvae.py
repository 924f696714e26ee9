import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.quantize.base import quantization_error
from semid.quantize.codebook import from_bytes, to_bytes
from semid.quantize.holdout import held_out
from semid.quantize.rkmeans import RkmeansQuantizer
from semid.quantize.rqvae import RqvaeCodebook
from semid.quantize.rqvae_module import RqvaeModule
from semid.quantize.rqvae_params import RqvaeParams
from semid.quantize.rqvae_train import (
    RqvaeQuantizer,
    initial_codebook,
    principal_axes,
)
from tests.codebooks import bent_sheet

SMALL = RqvaeParams(latent=8, hidden=(32,), epochs=4, batch_rows=128, threads=1)


def fit(x: np.ndarray, seed: int = 0, warm_start: RqvaeCodebook | None = None, **params: object) -> RqvaeCodebook:
    settings = RqvaeParams(**{**vars(SMALL), **params})
    return RqvaeQuantizer((8, 8), settings).fit(x, np.random.default_rng(seed), warm_start)


def error(codebook: RqvaeCodebook, x: np.ndarray) -> float:
    return float(quantization_error(x, codebook.decode(codebook.encode(x))).mean())


@pytest.fixture(scope="module")
def trained() -> RqvaeCodebook:
    return fit(bent_sheet(600))


def test_the_start_is_residual_kmeans():
    """With a latent as wide as the vectors the encoder only rotates, so errors are equal."""
    x = bent_sheet(400)
    start = initial_codebook(x, (8, 8), RqvaeParams(latent=16, hidden=(32,)), np.random.default_rng(0))
    plain = RkmeansQuantizer((8, 8)).fit(x, np.random.default_rng(0))
    assert error(start, x) == pytest.approx(
        float(quantization_error(x, plain.decode(plain.encode(x))).mean()), rel=0.02
    )


def test_training_improves_on_residual_kmeans_on_rows_it_never_saw():
    x, unseen = bent_sheet(600), bent_sheet(500, seed=7)
    plain = RkmeansQuantizer((8, 8)).fit(x, np.random.default_rng(0))
    codebook = fit(x, latent=16, epochs=20, learning_rate=3e-3)
    baseline = float(quantization_error(unseen, plain.decode(plain.encode(unseen))).mean())
    assert error(codebook, unseen) < 0.85 * baseline


def test_numpy_and_torch_agree(trained):
    """Second implementation: the forward pass of training."""
    x = bent_sheet(300, seed=2)
    expected = RqvaeModule(trained).reconstruct(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(expected, trained.decode(trained.encode(x)), atol=1e-5)


@given(seed=st.integers(0, 10**6), cut=st.integers(1, 99))
@settings(max_examples=20, deadline=None)
def test_a_row_has_the_same_codes_and_reconstruction_in_any_batch(trained, seed, cut):
    x = bent_sheet(100, seed=seed)
    order = np.random.default_rng(seed).permutation(100)[:cut]
    codes = trained.encode(x)
    np.testing.assert_array_equal(trained.encoder(x)[order], trained.encoder(x[order]))
    np.testing.assert_array_equal(codes[order], trained.encode(x[order]))
    np.testing.assert_array_equal(trained.decode(codes)[order], trained.decode(codes[order]))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(trained):
    assert to_bytes(fit(bent_sheet(600))) == to_bytes(trained)
    assert to_bytes(fit(bent_sheet(600), seed=1)) != to_bytes(trained)


def test_a_trained_codebook_comes_back_from_its_bytes(trained):
    x = bent_sheet(100, seed=4)
    back = from_bytes(to_bytes(trained))
    np.testing.assert_array_equal(trained.decode(trained.encode(x)), back.decode(back.encode(x)))


def test_the_checkpoint_is_the_one_with_the_lowest_held_out_error():
    steps: dict[int, float] = {}
    quantizer = RqvaeQuantizer(
        (8, 8),
        RqvaeParams(latent=8, hidden=(32,), epochs=12, patience=3, learning_rate=0.2, threads=1),
        progress=lambda epoch, metrics: steps.update({epoch: metrics["held_out_error"]}),
    )
    x = bent_sheet(300)
    codebook = quantizer.fit(x, np.random.default_rng(0))
    out = held_out(x, 0.1, "rqvae")
    assert error(codebook, x[out]) / x[~out].var(axis=0).sum() == pytest.approx(min(steps.values()), rel=1e-3)
    assert max(steps) == min(steps, key=steps.__getitem__) + 3  # this learning rate overshoots: patience ends it


def test_a_warm_start_keeps_most_codes_and_a_cold_start_does_not(trained):
    x = bent_sheet(600)
    grown = np.concatenate([x, bent_sheet(60, seed=5)])
    same = [
        float((codebook.encode(x)[:, 0] == trained.encode(x)[:, 0]).mean())
        for codebook in (fit(grown, warm_start=trained, learning_rate=1e-4), fit(grown, seed=3))
    ]
    assert same[0] > 0.9 > same[1]


def test_a_warm_start_from_another_kind_or_width_is_refused(trained):
    x = bent_sheet(600)
    other = RkmeansQuantizer((8, 8)).fit(x, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"cannot start .*'rqvae'.* from .*'rkmeans'"):
        fit(x, warm_start=other)
    with pytest.raises(ValueError, match=r"widths \(16, 32, 4\) from .*16, 32, 8"):
        fit(x, warm_start=trained, latent=4)


def test_dead_codes_are_revived():
    """Centroids far from all latents get no gradient: only revival brings them back."""
    x = bent_sheet(600)
    start = initial_codebook(x, (8, 8), SMALL, np.random.default_rng(0))
    start.centroids[1][3:] = 1e3
    codebook = fit(x, warm_start=start)
    assert [len(np.unique(level)) for level in codebook.encode(x).T] == [8, 8]


def test_torch_settings_are_put_back():
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.get_rng_state()
    torch.set_num_threads(before[0])
    fit(bent_sheet(100), epochs=1, threads=before[0] + 1)
    after = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.get_rng_state()
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])


def test_principal_axes_of_a_known_ellipsoid():
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((4000, 3)) * [1, 9, 3] + [5, 0, 0]).astype(np.float32)
    mean, axes = principal_axes(x, 2)
    np.testing.assert_allclose([5, 0, 0], mean, atol=0.5)
    np.testing.assert_allclose([[0, 0], [1, 0], [0, 1]], axes, atol=0.05)


def test_a_latent_wider_than_the_vectors_becomes_as_wide():
    assert fit(bent_sheet(100), latent=99, epochs=1).encoder.widths == (16, 32, 16)


def test_params_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"held_out is in \(0, 1\)"):
        RqvaeParams(held_out=1)
