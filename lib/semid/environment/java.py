"""Java 17 or 21, found or asked for."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from semid.errors import EnvironmentFault

SUPPORTED = (17, 21)
_INSTALL = {
    "Darwin": "brew install openjdk@17",
    "Windows": "winget install EclipseAdoptium.Temurin.17.JDK",
    "Linux": "sudo apt-get install openjdk-17-jre-headless   (or: sudo dnf install java-17-openjdk-headless)",
}


def require_java() -> Path:
    """Return the home of a usable Java and set JAVA_HOME to it, or raise EnvironmentFault."""
    seen = []
    for home in _candidates():
        version = java_version(home)
        if version in SUPPORTED:
            os.environ["JAVA_HOME"] = str(home)
            return home
        seen.append(f"{home}: Java {version or 'not usable (the module jdk.incubator.vector is missing)'}")
    raise EnvironmentFault(
        "Spark 4.2 needs Java 17 or 21", where="JAVA_HOME, PATH", problems=seen, next_step=install_command()
    )


def java_version(home: Path) -> int | None:
    """Return the major version of the Java in `home`; None when Spark could not start on it."""
    java = home / "bin" / "java"
    # Spark 4.2 asks for this module at launch; stripped runtimes lack it and die at the first start.
    command = [str(java), "--add-modules", "jdk.incubator.vector", "-version"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found.group(1)) if done.returncode == 0 and found else None


def install_command() -> str:
    """Return the command that installs Java 17 on this platform."""
    return _INSTALL.get(platform.system(), "install a Java 17 runtime and set JAVA_HOME")


def install_java() -> None:
    """Install Java with apt where that needs nobody's password; otherwise do nothing."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-qy", "openjdk-17-jre-headless"]):
        subprocess.run(command, env=environment, check=False)


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home)
    if java := shutil.which("java"):
        yield Path(java).resolve().parent.parent
    for pattern in (
        "/usr/lib/jvm/*-17-*",
        "/usr/lib/jvm/*-21-*",
        "/Library/Java/JavaVirtualMachines/*/Contents/Home",
    ):
        yield from sorted(Path("/").glob(pattern.lstrip("/")))
