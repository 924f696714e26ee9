"""Hosts on this machine: network namespaces with addresses of their own on one bridge, as root on Linux."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

BRIDGE = "semid0"
HERE = "10.77.0.1"
"""This machine's address on the bridge."""


@contextmanager
def hosts(count: int) -> Iterator[dict[str, str]]:
    """Make hosts while the block runs; give the name of each and its address.

    Raises:
        PermissionError: They are not permitted here.
    """
    with ExitStack() as undo:
        _ip("link", "add", BRIDGE, "type", "bridge")
        undo.callback(_ip, "link", "del", BRIDGE)
        _ip("address", "add", f"{HERE}/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        made = {f"semid{number}": f"10.77.0.{10 + number}" for number in range(1, count + 1)}
        for name, address in made.items():
            _ip("netns", "add", name)
            undo.callback(_ip, "netns", "del", name)
            _ip("link", "add", f"v{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("link", "set", f"v{name}", "master", BRIDGE, "up")
            _ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                _ip("-n", name, "link", "set", device, "up")
        yield made


def host_of(process: int) -> str:
    """Return the host that a process runs on; empty for this machine itself."""
    return subprocess.run(
        ["ip", "netns", "identify", str(process)], check=True, capture_output=True, text=True
    ).stdout.strip()


def on(host: str) -> list[str]:
    """Return the words that start a command on a host."""
    return ["ip", "netns", "exec", host]


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True)
    if done.returncode:
        raise PermissionError(f"ip {' '.join(words)}: {done.stderr.strip()}")
