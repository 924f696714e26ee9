"""Where an image reference leads, whatever the feed holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from semid.images.reference import Unreadable, image_file


@given(st.text(max_size=40), st.sampled_from(["", "https://h/", "file://", "/", "s3://b"]))
def test_no_text_ever_leads_out_of_the_root(text: str, before: str) -> None:
    """Whatever a feed holds: a file below the root, or a reason."""
    try:
        file = image_file(before + text, "/store")
    except Unreadable:
        return
    assert str(file).startswith("/store/")
    assert ".." not in file.parts
