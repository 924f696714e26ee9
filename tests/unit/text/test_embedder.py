"""What a vector must be, and which device computes it; the model itself runs in tests/spark/test_embed.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from semid.errors import EnvironmentFault, StoredDataError
from semid.text.embedder import device_for, normalised


@dataclass(frozen=True)
class Gpu:
    addresses: list[str]


def test_vectors_get_length_one_in_float32() -> None:
    """The direction stays, the length becomes 1, also where float32 squares would overflow or vanish."""
    x = np.array([[3.0, 4.0], [3e30, 4e30], [3e-30, 4e-30]], dtype=np.float32)
    unit = normalised(x, ["a", "b", "c"])
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, [[0.6, 0.8]] * 3, rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0])
def test_a_vector_without_direction_names_its_item(value: float) -> None:
    """NaN, infinity and the zero vector are errors that name the item: argmin would give them code 0."""
    x = np.ones((3, 4), dtype=np.float32)
    x[1] = value
    with pytest.raises(StoredDataError, match=r"1 of 3 vectors .*; item b"):
        normalised(x, ["item a", "item b", "item c"])


@pytest.mark.parametrize(
    ("addresses", "visible", "device"),
    [
        (["0"], None, "cuda:0"),
        (["3"], None, "cuda:3"),
        (["3"], "1,3", "cuda:1"),
        (["GPU-8f1e"], "GPU-77aa, GPU-8f1e", "cuda:1"),
    ],
)
def test_the_gpu_is_the_one_that_spark_gave(addresses: list[str], visible: str | None, device: str) -> None:
    """torch counts GPUs inside CUDA_VISIBLE_DEVICES, Spark by the names of the discovery script."""
    assert device_for({"gpu": Gpu(addresses)}, visible) == device


@pytest.mark.parametrize(("address", "visible"), [("2", "0,1"), ("2", ""), ("GPU-8f1e", None)])
def test_a_gpu_that_the_process_cannot_address_is_refused(address: str, visible: str | None) -> None:
    """Another GPU or the CPU instead would be in use by a neighbour or give other vectors."""
    with pytest.raises(EnvironmentFault, match=f"GPU {address}"):
        device_for({"gpu": Gpu([address])}, visible)


def test_a_task_without_a_gpu_runs_on_the_cpu() -> None:
    """Other resources of a task do not matter, and neither does a GPU that Spark knows nothing of."""
    assert device_for({"fpga": Gpu(["0"])}, "0,1") == "cpu"
