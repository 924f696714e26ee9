import json
import os
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from semid.config import CodebookConfig
from semid.quantize.base import Codebook
from semid.quantize.codebook import CODEBOOKS, from_bytes, sha256, to_bytes
from semid.quantize.quantizers import RECIPES, quantizer
from tests.codebooks import KINDS, random_codebook

GOLDEN = Path(__file__).parents[2] / "golden" / "codebooks"


def as_file(codebook: Codebook, drop: str = "", **changes: np.ndarray) -> bytes:
    arrays = {name: array for name, array in (codebook.arrays() | changes).items() if name != drop}
    return save(arrays, metadata={"codebook": json.dumps(codebook.metadata())})


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10**6), sizes=st.lists(st.integers(1, 20), min_size=1, max_size=4))
@settings(max_examples=20, deadline=None)
def test_a_codebook_comes_back_from_its_bytes(kind, seed, sizes):
    codebook = random_codebook(kind, seed, tuple(sizes))
    data = to_bytes(codebook)
    back = from_bytes(data)
    x = np.random.default_rng(seed).standard_normal((50, 6)).astype(np.float32)
    assert (codebook.kind, codebook.sizes, codebook.dim) == (back.kind, back.sizes, back.dim)
    np.testing.assert_array_equal(codebook.encode(x), back.encode(x))
    np.testing.assert_array_equal(codebook.decode(codebook.encode(x)), back.decode(codebook.encode(x)))
    assert {data} == {to_bytes(back) for _ in range(5)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_codebook_that_was_written_before_gives_the_codes_it_gave(kind):
    """Golden: bytes and codes of 2026-11-23; SEMID_REBUILD_GOLDEN=1 writes them again, which orphans stored IDs."""
    file, expected = GOLDEN / f"{kind}.safetensors", GOLDEN / f"{kind}.json"
    x = np.random.default_rng(3).integers(-8, 9, (40, 6)).astype(np.float32) / 4
    if os.environ.get("SEMID_REBUILD_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        file.write_bytes(to_bytes(random_codebook(kind, seed=3)))
        expected.write_text(json.dumps(from_bytes(file.read_bytes()).encode(x).tolist()) + "\n")
    assert from_bytes(file.read_bytes()).encode(x).tolist() == json.loads(expected.read_text())


@pytest.mark.parametrize("kind", KINDS)
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_flipped_bit_changes_the_hash_and_is_read_or_refused_but_never_crashes(kind, data):
    clean = to_bytes(random_codebook(kind, seed=0))
    dirty = bytearray(clean)
    dirty[data.draw(st.integers(0, len(clean) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert sha256(clean) != sha256(bytes(dirty))
    try:
        back = from_bytes(bytes(dirty))
    except ValueError:
        return
    assert all(np.isfinite(array).all() for array in back.arrays().values())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "vq"])  # which has one level
def test_all_problems_are_listed_at_once(kind):
    codebook = random_codebook(kind, seed=0)
    infinite = codebook.arrays()["centroids_2"] * np.float32(np.inf)
    data = as_file(codebook, drop="centroids_1", centroids_2=infinite, centroids_9=infinite)
    with pytest.raises(ValueError, match="3 problems: centroids_1 is missing; centroids_9 is unknown; centroids_2 has"):
        from_bytes(data)


@pytest.mark.parametrize("change", [np.zeros((5, 7), np.float32), np.zeros((5, 6), np.float64)])
def test_a_wrong_shape_or_type_is_refused(change):
    with pytest.raises(ValueError, match=r"centroids_1 is float\d\d \(5, \d\), expected float32 \(5, 6\)"):
        from_bytes(as_file(random_codebook("rkmeans", seed=0), centroids_1=change))


@pytest.mark.parametrize("cut", [0, 5, 40, -1])
def test_a_truncated_file_is_refused(cut):
    with pytest.raises(ValueError, match="not a codebook"):
        from_bytes(to_bytes(random_codebook("rkmeans", seed=0))[:cut])


def test_an_unknown_kind_is_refused():
    data = to_bytes(random_codebook("rkmeans", seed=0)).replace(b"rkmeans", b"rkmeanz")
    with pytest.raises(ValueError, match="rkmeanz"):
        from_bytes(data)


def test_every_kind_can_be_read_trained_and_configured():
    """One list of kinds, in three places."""
    configurable = get_args(CodebookConfig.model_fields["kind"].annotation)
    assert sorted(configurable) == sorted(CODEBOOKS) == sorted([*RECIPES, "rqvae"])
    for kind in CODEBOOKS:
        assert CODEBOOKS[kind].kind == kind


def test_an_unknown_quantizer_or_parameter_is_named():
    with pytest.raises(ValueError, match="'pca', expected rqvae or one of rkmeans, prq, pq, opq, vq"):
        quantizer("pca", (4,), {})
    with pytest.raises(ValueError, match=r"\['iteration'\], OpqParams has \['iterations', .*'rotations'\]"):
        quantizer("opq", (4,), {"iteration": 3})
    with pytest.raises(ValueError, match=r"\['iteration'\], KmeansParams has \['iterations'"):
        quantizer("rkmeans", (4,), {"iteration": 3})
