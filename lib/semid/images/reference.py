"""From the catalog's image reference to a file below `images.root`; nothing is ever downloaded."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class Unreadable(Exception):  # noqa: N818 - a finding, not a failure
    """The item's image cannot be used; its text is the reason code, see docs/images.md."""


def image_file(reference: str, root: str | None) -> Path:
    """Return the file that an item's image reference stands for.

    A URL stands for `root` + its path, percent-decoded, without query and fragment: hosts change, files stay.
    A relative path lies below `root`. An absolute path and a `file://` URL are taken as they are, and with a root
    they must lie below it. Symbolic links are followed: who fills the folder decides what is in it.

    >>> str(image_file("https://cdn.example/i/soap%201.jpg?w=200", "/store"))
    '/store/i/soap 1.jpg'
    >>> str(image_file("i/soap.jpg", "/store"))
    '/store/i/soap.jpg'

    Raises:
        Unreadable: `image_reference` (it holds no path, or one that needs a root) or `image_outside_root`.
    """
    path = _path_in(reference)
    remote = _URL.match(reference) is not None and not reference.lower().startswith("file://")
    placed = path.startswith("/") and not remote
    if "\0" in path or not path.strip("/") or (root is None and not placed):
        raise Unreadable("image_reference")
    if root is None:
        return Path(path)
    base = os.path.abspath(os.path.expanduser(root))  # noqa: PTH100, PTH111 - Path.resolve would follow links
    file = os.path.normpath(os.path.join(base, path if placed else path.lstrip("/")))  # noqa: PTH118
    if file == base or os.path.commonpath([base, file]) != base:
        raise Unreadable("image_outside_root")
    return Path(file)


def _path_in(reference: str) -> str:
    if _URL.match(reference) is None:
        return reference
    try:
        return unquote(urlsplit(reference).path)
    except ValueError as error:
        raise Unreadable("image_reference") from error
