"""From an image file to a picture that a model may see, or the reason why there is none."""

from __future__ import annotations

import io
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from semid.images.reference import Unreadable

if TYPE_CHECKING:
    from PIL.Image import Image

# Not all that Pillow can open: its PostScript reader, for one, starts another program.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
# A model's processor scales the shorter side to about 224: 1 x 50,000 pixels would become 2.5 billion.
MAX_ASPECT = 50
# Far above what a model sees, and it bounds a batch of 32 to 100 MB whatever the files' sizes.
MAX_SIDE = 1024


@dataclass(frozen=True)
class Limits:
    """What an image may be: bytes of the file and pixels of the picture."""

    max_bytes: int
    max_pixels: int


def read_image(file: Path, limits: Limits) -> bytes:
    """Return the bytes of an image file.

    Raises:
        Unreadable: `image_missing`, `image_empty`, `image_too_large`, or `image_unreadable` (no regular file, no
            permission, a failing disk).
    """
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):  # a named pipe would be waited for
            raise Unreadable("image_unreadable")
        if found.st_size > limits.max_bytes:
            raise Unreadable("image_too_large")
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Unreadable("image_missing") from error
    except OSError as error:
        raise Unreadable("image_unreadable") from error
    if not content:
        raise Unreadable("image_empty")
    return content


def decoded(content: bytes, limits: Limits) -> Image:
    """Return the picture: upright, RGB, on white where it is transparent, its sides at most `MAX_SIDE` pixels.

    Its size is read from the header and judged before a pixel is decoded. Of an animation the first frame counts.

    Raises:
        Unreadable: `image_format` (none of `FORMATS`), `image_too_many_pixels`, `image_shape` (more than
            `MAX_ASPECT` times as long as wide), or `image_broken` (cut off or damaged).
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Pillow warns of sizes that `max_pixels` may allow, and refuses what it allows nowhere.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
                _judge_size(opened.size, limits)
                return _on_white(ImageOps.exif_transpose(opened))
    except (Unreadable, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise Unreadable("image_format") from error
    except Image.DecompressionBombError as error:
        raise Unreadable("image_too_many_pixels") from error
    except Exception as error:
        # On damaged bytes Pillow's readers raise OSError, SyntaxError, ValueError, struct.error and others.
        raise Unreadable("image_broken") from error


def _judge_size(size: tuple[int, int], limits: Limits) -> None:
    short, long = min(size), max(size)
    if short * long > limits.max_pixels:
        raise Unreadable("image_too_many_pixels")
    if long > MAX_ASPECT * short:
        raise Unreadable("image_shape")


def _on_white(picture: Image) -> Image:
    from PIL import Image

    picture.load()
    if "A" in picture.getbands() or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, clear)
    plain = picture.convert("RGB")
    plain.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BICUBIC)
    return plain
