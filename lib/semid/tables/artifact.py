"""The bytes of a stored codebook, checked before they are trusted; needs no Spark."""

from __future__ import annotations

from semid.errors import RESTORE, StoredDataError
from semid.quantize.base import Codebook
from semid.quantize.codebook import from_bytes, sha256


def opened(artifact: bytes, recorded: str, version: int) -> Codebook:
    """Return the codebook that the bytes hold.

    Args:
        artifact: Its bytes, as the codebook table has them.
        recorded: The sha256 (hex) that was recorded when they were written.
        version: Its version, for the message.

    Raises:
        StoredDataError: The bytes are not those that were written, or they make no codebook.
    """
    where = f"table codebook, version {version}"
    found = sha256(artifact)
    if found != recorded:
        raise StoredDataError(
            "the codebook's bytes are not those that were written",
            where=where,
            problems=[f"sha256 {found}, recorded {recorded}"],
            next_step=RESTORE,
        )
    try:
        return from_bytes(artifact)
    except ValueError as error:
        raise StoredDataError(f"the artifact is no usable codebook: {error}", where=where) from error
