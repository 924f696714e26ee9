"""Where an image reference leads: the path below the root, whatever the host, and never out of the root."""

from __future__ import annotations

import pytest

from semid.images.reference import Unreadable, image_file


@pytest.mark.parametrize(
    ("reference", "file"),
    [
        ("https://cdn.example/a/b.jpg", "/store/a/b.jpg"),
        ("s3://bucket/a/b.jpg", "/store/a/b.jpg"),
        ("https://cdn.example/a%20b/%C3%A9.png?width=200#top", "/store/a b/é.png"),
        ("a/b.jpg", "/store/a/b.jpg"),
        ("what?.jpg", "/store/what?.jpg"),
        ("/store/a/b.jpg", "/store/a/b.jpg"),
        ("file:///store/a/b.jpg", "/store/a/b.jpg"),
        ("a/../b.jpg", "/store/b.jpg"),
    ],
)
def test_a_reference_is_a_path_below_the_root(reference: str, file: str) -> None:
    """A URL is its path, decoded, without query and fragment; a plain path is taken letter by letter."""
    assert str(image_file(reference, "/store")) == file


@pytest.mark.parametrize("path", ["a/b.jpg", "x%20y.png?v=3"])
def test_a_renamed_host_leads_to_the_same_file(path: str) -> None:
    """Images change their host without changing; scheme and port are part of the host's name."""
    hosts = ["http://old.example", "https://new.example:8443", "s3://bucket"]
    assert len({image_file(f"{host}/{path}", "/store") for host in hosts}) == 1


@pytest.mark.parametrize(
    ("reference", "root", "reason"),
    [
        ("../secret.jpg", "/store", "image_outside_root"),
        ("https://cdn.example/a/%2e%2e/%2e%2e/etc/passwd", "/store", "image_outside_root"),
        ("/etc/passwd", "/store", "image_outside_root"),
        ("/storehouse/a.jpg", "/store", "image_outside_root"),
        ("file:///etc/passwd", "/store", "image_outside_root"),
        (".", "/store", "image_outside_root"),
        ("https://cdn.example", "/store", "image_reference"),
        ("https://[broken/a.jpg", "/store", "image_reference"),
        ("https://cdn.example/a%00.jpg", "/store", "image_reference"),
        ("https://cdn.example/a.jpg", None, "image_reference"),
        ("a.jpg", None, "image_reference"),
    ],
)
def test_what_is_no_file_of_the_store_is_refused(reference: str, root: str | None, reason: str) -> None:
    """A feed cannot make semid read a file outside the root, and without a root only absolute paths mean anything."""
    with pytest.raises(Unreadable, match=f"^{reason}$"):
        image_file(reference, root)


def test_without_a_root_an_absolute_path_is_taken_as_it_is() -> None:
    """The user who sets no root trusts the feed's paths."""
    assert str(image_file("/any/where.jpg", None)) == str(image_file("file:///any/where.jpg", None)) == "/any/where.jpg"
