"""Training against what a user would take instead, to equal error; prints rows of docs/benchmarks.md.

Usage: python -m tests.bench.training WAREHOUSE [--rows 20000] [--rounds 3] [--patience 5] [--only rkmeans|rqvae]
Vectors are drawn with the spectrum of WAREHOUSE's; a tenth is held out and judges. Residual k-means 3 x 256 against faiss's
`ResidualQuantizer`, beam 1: seconds and errors. RQ-VAE 3 x 256 against `ResidualVQ` of vector-quantize-pytorch (on the
PYTHONPATH) inside an autoencoder of the same widths, with k-means initialisation and dead codes revived, trained by AdamW at
the same rate and batch until its held-out error is the RQ-VAE's, at most `--patience` times as long.
"""

from __future__ import annotations

import argparse
import time
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from semid.quantize.base import Codebook, quantization_error
from semid.quantize.quantizers import quantizer
from semid.quantize.rkmeans import RkmeansCodebook
from semid.quantize.rqvae_params import RqvaeParams
from tests.bench.assigning import codebook_of, trained
from tests.bench.paired import Spectrum, header, median, paired, ratio, row, stored_vectors

SIZES = (256, 256, 256)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("warehouse")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--patience", type=float, default=5.0)
    parser.add_argument("--only", choices=["rkmeans", "rqvae"])
    flags = parser.parse_args()
    x = Spectrum(stored_vectors(flags.warehouse)).draw(flags.rows, 1)
    seen, unseen = x[flags.rows // 10 :], x[: flags.rows // 10]
    if flags.only != "rqvae":
        compare_rkmeans(seen, unseen, flags.rounds)
    if find_spec("vector_quantize_pytorch") is None:
        print("vector-quantize-pytorch is not installed: the RQ-VAE is compared with nothing")
    elif flags.only != "rkmeans":
        compare_rqvae(seen, unseen, flags.patience)


def error_of(codebook: Codebook, x: np.ndarray) -> float:
    """Return the mean squared error over the variance."""
    errors = quantization_error(x, codebook.decode(codebook.encode(x)))
    return float(errors.mean() / x.var(axis=0, dtype=np.float64).sum())


def compare_rkmeans(seen: np.ndarray, unseen: np.ndarray, rounds: int) -> None:
    found: dict[str, RkmeansCodebook] = {}
    own = quantizer("rkmeans", SIZES, {})
    arms = {
        "faiss": lambda: found.update(faiss=codebook_of(trained(seen))),
        "semid": lambda: found.update(semid=own.fit(seen, np.random.default_rng(0))),
    }
    seconds = paired(arms, rounds)
    header("residual k-means", "seconds", "error, trained on", "error, held out", "over faiss")
    for name in arms:
        row(
            name,
            median(seconds[name]),
            error_of(found[name], seen),
            error_of(found[name], unseen),
            ratio(seconds, name, "faiss"),
        )


def compare_rqvae(seen: np.ndarray, unseen: np.ndarray, patience: float) -> None:
    torch.set_num_threads(RqvaeParams().threads)
    started = time.monotonic()
    codebook = quantizer("rqvae", SIZES, {}).fit(seen, np.random.default_rng(0))
    own, target = time.monotonic() - started, error_of(codebook, unseen)
    seconds, error = peer(seen, unseen, target, patience * own)
    header("RQ-VAE", "seconds", "error, held out", "over semid")
    row("semid", f"{own:.1f}", target, 1.0)
    reached = "" if error <= target else ", not reached"
    row("ResidualVQ", f"{seconds:.1f}{reached}", error, seconds / own)


class Peer(nn.Module):
    """An autoencoder of an RQ-VAE's widths around `ResidualVQ`."""

    def __init__(self, dim: int, params: RqvaeParams) -> None:
        super().__init__()
        from vector_quantize_pytorch import ResidualVQ

        widths = (dim, *params.hidden, params.latent)
        self.encoder, self.decoder = layers(widths), layers(widths[::-1])
        self.vq = ResidualVQ(
            dim=params.latent, num_quantizers=len(SIZES), codebook_size=SIZES[0], kmeans_init=True, kmeans_iters=15,
            threshold_ema_dead_code=2, commitment_weight=params.commitment,
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        quantized, _, losses = self.vq(self.encoder(x)[:, None])
        return self.decoder(quantized[:, 0]), losses.sum()


def layers(widths: tuple[int, ...]) -> nn.Sequential:
    parts = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*parts[:-1])


def peer(seen: np.ndarray, unseen: np.ndarray, target: float, limit: float) -> tuple[float, float]:
    """Return after how many seconds the held-out error was at most `target`, or the last one's at the limit."""
    params, rng = RqvaeParams(), np.random.default_rng(0)
    torch.manual_seed(0)
    x, judged = torch.from_numpy(seen), torch.from_numpy(unseen)
    variance = float(judged.var(dim=0, correction=0).sum())
    started, error, model = time.monotonic(), np.inf, Peer(x.shape[1], params)
    model.train()
    model(x[:8192])  # k-means on a large first batch
    optimizer = torch.optim.AdamW(model.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay)
    while error > target and time.monotonic() - started < limit:
        model.train()
        for rows in torch.from_numpy(rng.permutation(len(x))).split(params.batch_rows):
            decoded, commitment = model(x[rows])
            loss = (decoded - x[rows]).square().sum(dim=1).mean() + commitment
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            error = float((model(judged)[0] - judged).square().sum(dim=1).mean()) / variance
    return time.monotonic() - started, error


if __name__ == "__main__":
    main()
