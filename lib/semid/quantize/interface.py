"""The network interface that leads to another machine."""

from __future__ import annotations

import fcntl
import socket
import struct

_SIOCGIFADDR = 0x8915
"""Linux: the IPv4 address of an interface, netdevice(7)."""


def interface_towards(address: str) -> str | None:
    """Return the interface whose IPv4 address this machine has towards an address; None where that is not found.

    Nothing is sent. Towards an address of its own it is the interface that has it.

    Args:
        address: A name or an IPv4 address.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError:
            return None
        own = probe.getsockname()[0]
        return next((name for _, name in socket.if_nameindex() if _address_of(name, probe) == own), None)


def _address_of(name: str, probe: socket.socket) -> str | None:
    try:
        # struct ifreq: 16 bytes of name, then a sockaddr_in with the address in its bytes 4 to 8
        answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", name.encode()))
    except OSError:
        return None
    return socket.inet_ntoa(answer[20:24])
