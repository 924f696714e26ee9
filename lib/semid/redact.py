"""Taking secrets out of text that is about to be shown or stored.

semid asks for no secret, but texts from elsewhere bring some: a location with a password in it, the message of a
database driver or of a labeller's client, a Spark property. What is known by its form is replaced by `***`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_HIDDEN = "***"
_NAME = (
    r"(?:password|passwd|pwd|passphrase|secret|token|credentials?|dsn|signature|(?<![a-z])sig"
    r"|(?:api|access|account|secret|private|signing)[._-]?key)"
)
# Bounded repetitions: a message may hold a megabyte of somebody else's text.
_NAMED = re.compile(
    rf"({_NAME}(?![a-z])[\w.-]{{0,80}}[\"']?\s{{0,3}}[=:]\s{{0,3}})"
    r"(?!\*\*\*)(\"[^\"]*\"|'[^']*'|[^\s,;&)\]}\"']+)",
    re.IGNORECASE,
)
# In a connection string with a password that holds a @, the last @ before the path ends it.
_IN_URL = re.compile(r"(://)[^\s/@:\"']*:(?!\*)[^\s/\"']*@")
_BY_FORM = re.compile(r"\b(?:Bearer\s+[\w.~+/=-]{8,}|AKIA[0-9A-Z]{16}|hf_\w{20,}|sk-[\w-]{20,}|gh[pousr]_\w{20,})")


def redacted(text: str) -> str:
    """Return `text` with what looks like a secret replaced by `***`.

    >>> redacted("postgresql://etl:hunter2@db/items?sslmode=require")
    'postgresql://***@db/items?sslmode=require'
    >>> redacted("fs.s3a.secret.key=abc, api_key: 'x y'; max tokens: 256")
    'fs.s3a.secret.key=***, api_key: ***; max tokens: 256'
    """
    text = _IN_URL.sub(rf"\1{_HIDDEN}@", text)
    text = _NAMED.sub(rf"\1{_HIDDEN}", text)
    return _BY_FORM.sub(_HIDDEN, text)


def without_secrets(value: Any, name: str = "") -> Any:
    """Return a JSON-able value with the secrets taken out of its texts, and out of keys that are named like one.

    >>> without_secrets({"path": "s3a://k:s@b/x", "params": {"api_key": "x", "epochs": 3}})
    {'path': 's3a://***@b/x', 'params': {'api_key': '***', 'epochs': 3}}
    """
    if isinstance(value, Mapping):
        return {key: without_secrets(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(inner, name) for inner in value]
    if not isinstance(value, str):
        return value
    return _HIDDEN if value and redacted(f"{name}=x") != f"{name}=x" else redacted(value)
