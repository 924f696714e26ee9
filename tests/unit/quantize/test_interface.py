"""Which interface leads to an address."""

from __future__ import annotations

import sys

import pytest

from semid.quantize.interface import interface_towards

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere gloo chooses")


def test_the_loopback_interface_leads_to_this_machine() -> None:
    assert interface_towards("127.0.0.1") == "lo"


def test_another_protocol_is_left_to_gloo() -> None:
    assert interface_towards("::1") is None
