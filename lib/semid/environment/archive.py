"""Spark's classes, loaded once: an archive that later local sessions map into memory instead of parsing 8,000 classes.

Java's class-data sharing (JEP 350). Java checks for itself that the archive is of this Java build and of these jars,
and otherwise starts without it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from semid.environment.jars import spark_home

_QUIET = "-Xlog:cds=off -Xlog:cds+dynamic=off -Xlog:class+path=off"


def archive() -> Path:
    """Return where the archive is, or would be: beside Spark's jars."""
    return spark_home() / "semid-classes.jsa"


def java_options() -> str:
    """Return the options of a JVM that starts from the archive; none when it was not made."""
    return f"-XX:SharedArchiveFile={archive()} {_QUIET}" if archive().is_file() else ""


def make_archive() -> bool:
    """Run a small night in a JVM that writes the archive when it ends; return whether it is there now.

    A machine where this fails works as well, and starts slower.
    """
    partial = archive().with_suffix(f".{os.getpid()}")
    options = f"-XX:ArchiveClassesAtExit={partial} {_QUIET}"
    environment = os.environ | {"SPARK_SUBMIT_OPTS": options}
    # Its output is read to the end, which is when the JVM, and not only Python, has ended.
    subprocess.run([sys.executable, "-m", "semid.cli.warm_up"], env=environment, capture_output=True, check=False)
    if partial.is_file():
        partial.replace(archive())
    return archive().is_file()
