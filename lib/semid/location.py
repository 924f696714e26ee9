"""Paths and URIs of the configuration, as the types of its keys."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator

from semid.redact import redacted


def _plain_location(value: str) -> str:
    # A path ends up in Spark SQL as delta.`path`: a backtick would leave the quotes, and `format.`file`` would
    # make Spark read any file of the host.
    if not value.strip() or any(c in value for c in "`;\"'") or not value.isprintable():
        raise ValueError("must be a plain path or URI without quotes, backticks or semicolons")
    # It is recorded with every run and named in messages.
    if redacted(value) != value:
        raise ValueError("must not hold a password or key; give them to Spark by its properties or its environment")
    return value


def _inside(value: str) -> str:
    if not PurePosixPath(value).is_absolute() and "://" not in value and ".." in PurePosixPath(value).parts:
        raise ValueError("a relative folder lies in the warehouse and must not lead out of it")
    return value


Location = Annotated[str, AfterValidator(_plain_location)]
"""A path or URI that can stand in SQL text and in a message."""

Beside = Annotated[Location, AfterValidator(_inside)]
"""An output folder; a relative one lies in the warehouse."""
