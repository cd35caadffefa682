"""Ports of loopback that nobody uses now."""

from __future__ import annotations

import random
import socket


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """One that was free a moment ago."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_ports() -> dict[str, int]:
    """The settings of all ports."""
    first = random.randrange(12000, 30000, 2)
    return {
        "sip_port": free_port(socket.SOCK_DGRAM),
        "ami_port": free_port(),
        "agi_port": free_port(),
        "audiosocket_port": free_port(),
        "web_port": free_port(),
        "rtp_first": first,
        "rtp_last": first + 799,
        "outside_sip_port": free_port(socket.SOCK_DGRAM),
        "outside_ami_port": free_port(),
        "outside_rtp_first": first + 800,
        "outside_rtp_last": first + 1599,
    }
