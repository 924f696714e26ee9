"""What goes wrong in a process that Spark started, and what Spark's own record says that it did about it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TAKES_A_MINUTE = "time.sleep(60)"
DIES = "os.kill(os.getpid(), signal.SIGKILL)"
TAKES_ITS_EXECUTOR_WITH_IT = "os.kill(parent_of(parent_of(os.getpid())), signal.SIGKILL)"
HAS_NO_MEMORY_LEFT = """
    limit = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + 2**26
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    bytearray(2**30)  # what a larger batch would ask for"""

# Spark forks its workers from a daemon, which Python starts with a file of this name where it finds one.
_SITECUSTOMIZE = """
import os, pathlib, resource, signal, time

def parent_of(pid):
    return int(pathlib.Path(f"/proc/{{pid}}/stat").read_text().rpartition(")")[2].split()[1])

def embed(self, *what):
    {act}
    return real(self, *what)

if b"pyspark.daemon" in pathlib.Path("/proc/self/cmdline").read_bytes():
    from semid.text.embedder import Embedder
    real, Embedder.embed = Embedder.embed, embed
"""


def at_each_embedding(folder: Path, act: str) -> str:
    """Return the PYTHONPATH with which every Python worker does `act` before the first text that it embeds."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        _SITECUSTOMIZE.format(act=textwrap.dedent(act).replace("\n", "\n    ").strip())
    )
    return str(folder)


def waits_once(folder: Path) -> str:
    """Return what the first embedding does that comes to it: it writes its process into `folder` and waits for `go`."""
    return f"""
    place = pathlib.Path({str(folder)!r})
    try:
        place.mkdir()
    except FileExistsError:
        return real(self, *what)
    (place / "part").write_text(str(os.getpid()))
    (place / "part").rename(place / "pid")
    while not (place / "go").exists():
        time.sleep(0.1)"""


def recorded(folder: Path) -> dict[str, str]:
    """Return Spark's properties that make it record what it does, in a new folder."""
    folder.mkdir()
    return {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": folder.as_uri(),
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
    }


def events(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield what Spark recorded in the folder."""
    for file in folder.iterdir():
        yield from map(json.loads, file.read_text().splitlines())
