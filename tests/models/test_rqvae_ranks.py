"""RQ-VAE training in two processes: what one process would have learned, within what the order of rows changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semid.quantize.base import quantization_error
from semid.quantize.codebook import from_bytes, to_bytes
from semid.quantize.holdout import held_out
from semid.quantize.rqvae import RqvaeCodebook
from semid.quantize.rqvae_module import repeatable
from semid.quantize.rqvae_params import RqvaeParams
from semid.quantize.rqvae_passes import Passes
from semid.quantize.rqvae_ranks import RankTask, train_rank
from semid.quantize.rqvae_train import best_checkpoint, initial_codebook, nearest_step, reconstruction_judge
from semid.quantize.shards import Shards
from tests import ranks

PARAMS = RqvaeParams(latent=8, hidden=(32,), epochs=8, patience=8, batch_rows=64, threads=1)
SIZES = (8, 8)


def clusters() -> np.ndarray:
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((12, 24))
    x = centres[rng.integers(12, size=1500)] + 0.3 * rng.standard_normal((1500, 24)) @ rng.standard_normal((24, 24)) / 5
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def write_shards(x: np.ndarray, folder: Path, count: int) -> tuple[str, ...]:
    files = [str(folder / f"{number}.parquet") for number in range(count)]
    for file, rows in zip(files, np.array_split(x, count), strict=True):
        pq.write_table(pa.table({"embedding": list(rows)}), file, row_group_size=100)
    return tuple(files)


def start_of(x: np.ndarray) -> RqvaeCodebook:
    """Where a training begins: with a code that no row uses, so that all ranks must put it in the same place."""
    start = initial_codebook(x, SIZES, PARAMS, np.random.default_rng(0))
    start.centroids[1][0] = 100
    return start


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, np.ndarray]:
    """What ranks 0 and 1 returned, and the vectors."""
    folder, x = tmp_path_factory.mktemp("ranks"), clusters()
    out = held_out(x, PARAMS.held_out, "rqvae")
    task = RankTask(write_shards(x[~out], folder, 4), to_bytes(start_of(x[~out])), x[out], PARAMS, 3)
    return (*ranks.train(train_rank, task, folder, 2), x)


def test_ranks_agree_on_every_byte(trained: tuple[bytes, bytes, np.ndarray]) -> None:
    """All ranks hold the same parameters, so that it does not matter whose codebook is kept."""
    assert trained[0] == trained[1]


def test_two_processes_learn_what_one_does(trained: tuple[bytes, bytes, np.ndarray]) -> None:
    """The error is that of one process from the same start within 5 %, and far below that of the start."""
    codebook, x = from_bytes(trained[0]), trained[2]
    out = held_out(x, PARAMS.held_out, "rqvae")
    start = start_of(x[~out])
    passes = Passes(start, x[~out], PARAMS, PARAMS.cold, np.random.default_rng(0))
    with repeatable(1):
        alone = best_checkpoint(start, passes, nearest_step(passes), reconstruction_judge(passes, x[out]), None)
    by_two, by_one, at_first = (
        float(quantization_error(x, book.decode(book.encode(x))).mean()) for book in (codebook, alone, start)
    )
    assert by_two == pytest.approx(by_one, rel=0.05)
    assert by_two < 0.9 * at_first


def test_blocks_are_the_rows_of_the_files_in_the_order_asked_for(tmp_path: Path) -> None:
    """Nothing is left out or doubled, whatever the row groups."""
    x = clusters()[:330]
    shards = Shards(write_shards(x, tmp_path, 3))
    assert shards.rows == 330
    assert np.array_equal(np.concatenate(list(shards.blocks([2, 0, 1]))), np.concatenate([x[220:], x[:220]]))
