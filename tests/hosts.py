"""Hosts with an address and a network card of their own on one machine: Linux network namespaces at one bridge.

Disks, users and processes are this machine's; only the network is apart. Nothing outside the namespaces is changed.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.standalone import Host

_PREFIX = "10.208.4"  # inside the namespaces only: the machine's own network never sees it


@dataclass(frozen=True)
class Network:
    """A head, where the bridge is, and the hosts around it."""

    head: Host
    hosts: tuple[Host, ...]

    def cut(self, host: Host) -> None:
        """Take down a host's link: packets to and from it are lost, and nobody is told."""
        self._link(host, "down")

    def join(self, host: Host) -> None:
        """Bring a host's link up again."""
        self._link(host, "up")

    def host_of(self, pid: int) -> Host:
        """Return the host that a process runs on."""
        name = _ip("netns", "identify", str(pid)).strip()
        return next(host for host in self.hosts if host.entry[-1] == name)

    def _link(self, host: Host, state: str) -> None:
        _ip("-n", self.head.entry[-1], "link", "set", f"port{self.hosts.index(host)}", state)


def refused() -> str:
    """Return why this process may not make network namespaces; nothing when it may."""
    try:
        with _namespace(f"semid{os.getpid()}try"):
            return ""
    except FileNotFoundError:
        return "there is no command `ip`"
    except subprocess.CalledProcessError as error:
        return str(error.stderr).strip()


@contextmanager
def network(count: int) -> Iterator[Network]:
    """Give a network of a head and `count` hosts, which is gone when the block ends."""
    with ExitStack() as made:
        head = made.enter_context(_namespace(f"semid{os.getpid()}head"))
        _ip("-n", head, "link", "add", "bridge", "type", "bridge")
        _ip("-n", head, "address", "add", f"{_PREFIX}.1/24", "dev", "bridge")
        _ip("-n", head, "link", "set", "bridge", "up")
        hosts = []
        for number in range(count):
            name = made.enter_context(_namespace(f"semid{os.getpid()}host{number}"))
            port, address = f"port{number}", f"{_PREFIX}.{number + 2}"
            _ip("-n", head, "link", "add", port, "type", "veth", "peer", "name", "card", "netns", name)
            _ip("-n", head, "link", "set", port, "master", "bridge", "up")
            _ip("-n", name, "address", "add", f"{address}/24", "dev", "card")
            _ip("-n", name, "link", "set", "card", "up")
            hosts.append(_host(name, address))
        yield Network(_host(head, f"{_PREFIX}.1"), tuple(hosts))


@contextmanager
def _namespace(name: str) -> Iterator[str]:
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        _ip("netns", "delete", name)


def _host(name: str, address: str) -> Host:
    return Host(address, ("ip", "netns", "exec", name))


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout
