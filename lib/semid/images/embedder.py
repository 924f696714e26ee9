"""Pictures into vectors: a CLIP-type model on one device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from semid.config import ImagesConfig
from semid.errors import ConfigError, EnvironmentFault, StoredDataError
from semid.images.content import ImageSource, source_of
from semid.text.embedder import normalised
from semid.text.model import files_sha256, is_hub, locate

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class ImageSpec:
    """What a Python worker needs to find, decode and embed images.

    Attributes:
        source: `images.model`.
        revision: Commit of a hub model, None for files.
        files: sha256 of the model's files, None for a hub model; a worker refuses other files.
        weight: Of the image in the fused vector.
        batch_size: Images per forward pass.
        images: Where the images are and what they may be.
    """

    source: str
    revision: str | None
    files: str | None
    weight: float
    batch_size: int
    images: ImageSource


def image_spec(images: ImagesConfig) -> ImageSpec:
    """Return the configured image model, found on this machine.

    Raises:
        ConfigError: The setting names no model.
        EnvironmentFault: The model is not here.
    """
    assert images.model is not None, "asked only with images on"
    folder = locate(images.model, images.revision, "images")
    hub = is_hub(images.model)
    return ImageSpec(
        images.model,
        images.revision if hub else None,
        None if hub else files_sha256(folder),
        images.weight,
        images.batch_size,
        source_of(images),
    )


class ImageEmbedder:
    """A loaded image model on one device."""

    def __init__(self, spec: ImageSpec, device: str) -> None:
        self._batch_size = spec.batch_size
        self._model = _load(spec, device)

    @property
    def dimension(self) -> int:
        """Width of the vectors."""
        return int(self._model.get_embedding_dimension())

    def embed(self, pictures: Sequence[Image], names: Sequence[str]) -> NDArray[np.float32]:
        """Return the L2-normalised vectors (n, d) of `pictures`.

        Args:
            pictures: RGB pictures.
            names: What each is called in an error message.

        Raises:
            StoredDataError: The model gave a vector with NaN or infinity, of length zero or of a wrong width.
        """
        if not pictures:
            return np.empty((0, self.dimension), dtype=np.float32)
        x = self._model.encode(list(pictures), batch_size=self._batch_size, show_progress_bar=False)
        if x.shape != (len(pictures), self.dimension):
            raise StoredDataError(f"the model gave vectors of shape {x.shape}, not {(len(pictures), self.dimension)}")
        return normalised(np.asarray(x, dtype=np.float32), names)


@lru_cache(maxsize=2)
def image_embedder(spec: ImageSpec, device: str) -> ImageEmbedder:
    """Return the model on the device, loaded once per process."""
    return ImageEmbedder(spec, device)


def _load(spec: ImageSpec, device: str) -> Any:
    where = f"images.model: {spec.source}"
    folder = locate(spec.source, spec.revision, "images")
    if spec.files is not None and files_sha256(folder) != spec.files:
        raise StoredDataError(
            "the image model's files here differ from the driver's",
            where=where,
            next_step="install the same model on every machine of the cluster",
        )
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model = SentenceTransformer(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except ImportError as error:
        raise EnvironmentFault(
            f"the image model needs a library that is not installed: {error}", where=where
        ) from error
    if not model.supports("image"):
        raise ConfigError(
            "the model takes no images",
            where=where,
            next_step="name a CLIP-type sentence-transformers model, or null for text only",
        )
    # Checkpoints in half precision are widened, as the text's are.
    return model.float()
