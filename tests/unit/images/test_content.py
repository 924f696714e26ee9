"""What an image does to an item's content, and every reason for which it does nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semid.images.content import Content, ImageSource, content_of, picture_of
from semid.images.picture import MAX_SIDE, Limits, decoded
from semid.images.reference import Unreadable
from semid.text.render import content_hash
from tests.tiny_clip import draw, picture

LIMITS = Limits(max_bytes=100_000, max_pixels=100_000)
TEXT = "red shoe"


@pytest.fixture
def source(tmp_path: Path) -> ImageSource:
    return ImageSource(str(tmp_path), LIMITS)


def look(source: ImageSource, reference: str | None, known: str | None = None) -> Content:
    return content_of(reference, TEXT, known, source)


def test_the_content_is_the_text_and_the_image_s_bytes(source: ImageSource, tmp_path: Path) -> None:
    """As stated: sha256 of the text, a mark, and the sha256 of the file."""
    file = draw(tmp_path / "a.png", 1)
    image = hashlib.sha256(file.read_bytes()).digest()
    expected = hashlib.sha256(b"red shoe\0image\0" + image).hexdigest()
    assert look(source, "a.png") == Content(expected, None)
    assert look(source, None) == Content(content_hash(TEXT), None)


def test_a_moved_image_is_the_same_content_and_a_replaced_one_is_not(source: ImageSource, tmp_path: Path) -> None:
    """Host and folder do not count, the bytes do."""
    first = look(source, str(draw(tmp_path / "a.png", 1)))
    assert look(source, "https://new.example/a.png?v=2") == first
    shutil.copy(tmp_path / "a.png", tmp_path / "b.png")
    assert look(source, "b.png") == first
    draw(tmp_path / "a.png", 2)
    assert look(source, "a.png").content_hash != first.content_hash


def test_an_image_that_was_unreadable_and_is_readable_is_a_new_content(source: ImageSource, tmp_path: Path) -> None:
    """Missing: the text's content. There again: another one, so that it is embedded; gone again: the first one."""
    missing = look(source, "a.png")
    draw(tmp_path / "a.png", 1)
    found = look(source, "a.png", missing.content_hash)
    (tmp_path / "a.png").unlink()
    assert missing == look(source, "a.png", found.content_hash) == Content(content_hash(TEXT), "image_missing")
    assert found.reason is None
    assert found.content_hash != missing.content_hash


def test_known_bytes_are_not_decoded_again(
    source: ImageSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quiet night reads the files, and decodes those with new bytes only."""
    draw(tmp_path / "a.png", 1)
    known = look(source, "a.png").content_hash
    opened: list[object] = []
    plain = Image.open
    monkeypatch.setattr(Image, "open", lambda *a, **k: opened.append(a) or plain(*a, **k))
    assert look(source, "a.png", known).content_hash == known
    assert not opened
    look(source, "a.png", content_hash(TEXT))
    assert len(opened) == 1


def header(width: int, height: int) -> bytes:
    """A PNG that says it is this large and holds almost nothing: what a decompression bomb looks like."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


BROKEN = {
    "image_empty": b"",
    "image_format": b"<html>404 not found</html>",
    "image_too_large": b"x" * (LIMITS.max_bytes + 1),
    "image_too_many_pixels": header(1000, 101),
    "image_shape": header(10, 501),
    "image_broken": header(20, 20),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_a_file_that_is_no_usable_image_leaves_the_item_its_text(
    source: ImageSource, tmp_path: Path, reason: str
) -> None:
    """Every way a file can be wrong has its reason, and none of them ends the run."""
    (tmp_path / "a.png").write_bytes(BROKEN[reason])
    assert look(source, "a.png") == Content(content_hash(TEXT), reason)


def test_a_size_that_pillow_itself_refuses_is_the_same_reason(source: ImageSource, tmp_path: Path) -> None:
    """Beyond Pillow's own limit it raises before semid can look; the largest header is such a file."""
    (tmp_path / "a.png").write_bytes(header(2**31 - 1, 2**31 - 1))
    assert look(source, "a.png").reason == "image_too_many_pixels"


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "gif"])
def test_a_file_cut_off_anywhere_never_ends_the_run(source: ImageSource, tmp_path: Path, kind: str) -> None:
    """A delivery that broke off: at every tenth of the file the image is refused with a reason, or still whole."""
    whole = draw(tmp_path / f"a.{kind}", 1, side=64).read_bytes()
    complete = np.asarray(picture_of(f"a.{kind}", TEXT, look(source, f"a.{kind}").content_hash, source))
    for tenths in range(1, 10):
        (tmp_path / f"a.{kind}").write_bytes(whole[: len(whole) * tenths // 10])
        found = look(source, f"a.{kind}")
        if found.reason is None:  # what was cut off came behind the last pixel
            left = np.asarray(picture_of(f"a.{kind}", TEXT, found.content_hash, source))
            np.testing.assert_array_equal(left, complete)
        else:
            assert found.reason in ("image_broken", "image_format")


def test_a_pipe_a_folder_and_a_locked_file_are_unreadable(source: ImageSource, tmp_path: Path) -> None:
    """Nothing is waited for, and what is no regular file is no image."""
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    assert {look(source, f"{name}.png").reason for name in ("pipe", "folder")} == {"image_unreadable"}
    draw(tmp_path / "a.png", 1)
    assert look(source, "a.png/b.png").reason == "image_missing"


def test_a_transparent_picture_stands_on_white(tmp_path: Path) -> None:
    """What lies under full transparency is nobody's picture, and often black."""
    hidden = np.dstack([picture(1), np.zeros((24, 24), dtype=np.uint8)])
    Image.fromarray(hidden).save(tmp_path / "a.png")
    seen = decoded((tmp_path / "a.png").read_bytes(), LIMITS)
    assert (seen.mode, np.asarray(seen).min()) == ("RGB", 255)


def test_a_large_picture_is_scaled_down_once(tmp_path: Path) -> None:
    """A batch's memory does not follow the files' sizes; the shape is kept."""
    limits = Limits(max_bytes=10_000_000, max_pixels=10_000_000)
    Image.fromarray(np.zeros((500, 2 * MAX_SIDE, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    assert decoded((tmp_path / "a.png").read_bytes(), limits).size == (MAX_SIDE, 250)


def test_the_embed_step_takes_only_the_image_that_was_ingested(source: ImageSource, tmp_path: Path) -> None:
    """Replaced or removed between the two steps: a vector must never stand under another image's content hash."""
    draw(tmp_path / "a.png", 1)
    expected = look(source, "a.png").content_hash
    assert np.asarray(picture_of("a.png", TEXT, expected, source)).tolist() == picture(1).tolist()
    draw(tmp_path / "a.png", 2)
    with pytest.raises(Unreadable, match="image_changed"):
        picture_of("a.png", TEXT, expected, source)
    (tmp_path / "a.png").unlink()
    with pytest.raises(Unreadable, match="image_missing"):
        picture_of("a.png", TEXT, expected, source)
