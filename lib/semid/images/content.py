"""What is embedded of an item with an image: its content hash, and its picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from semid.config import ImagesConfig
from semid.images.picture import Limits, decoded, read_image
from semid.images.reference import Unreadable, image_file
from semid.text.render import content_hash, illustrated_hash

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class ImageSource:
    """Where the images are and what they may be.

    Attributes:
        root: Folder that references are found below; None for absolute paths only.
        limits: Of a file and of a picture.
    """

    root: str | None
    limits: Limits


class Content(NamedTuple):
    """An item's content hash, and why its image is no part of it (None: it is, or there is no reference)."""

    content_hash: str
    reason: str | None


def source_of(images: ImagesConfig) -> ImageSource:
    """Return where the configured images are and what they may be."""
    return ImageSource(images.root, Limits(images.max_bytes, images.max_pixels))


def content_of(reference: str | None, text: str, known: str | None, source: ImageSource) -> Content:
    """Return the content of an item; an image that cannot be used leaves the item its text.

    Every image is read, because only its bytes tell whether it is still the same. It is decoded only when its bytes
    are new: the known content hash covers bytes that could be decoded once.

    Args:
        reference: The item's image reference.
        text: Its text.
        known: The content hash it had before, None for a new item.
        source: Where the images are.
    """
    if reference is None:
        return Content(content_hash(text), None)
    try:
        image = read_image(image_file(reference, source.root), source.limits)
        found = illustrated_hash(text, image)
        if found != known:
            decoded(image, source.limits)
    except Unreadable as reason:
        return Content(content_hash(text), str(reason))
    return Content(found, None)


def picture_of(reference: str | None, text: str, expected: str, source: ImageSource) -> Image:
    """Return the picture that is part of the content `expected`.

    Raises:
        Unreadable: It cannot be used any more, or `image_changed`: it is another one by now.
    """
    if reference is None:
        raise Unreadable("image_reference")
    image = read_image(image_file(reference, source.root), source.limits)
    if illustrated_hash(text, image) != expected:
        raise Unreadable("image_changed")
    return decoded(image, source.limits)
