"""The ports on which our own roles listen: known before they start, so that one line tells what is wrong."""

from __future__ import annotations

import time

from config.settings import Settings
from telephony.pbx.process import NeededPort, check_ports, taken_ports

#: roles of a supervisor that was killed end by themselves within this time (seconds)
LEFT_BEHIND_S = 8.0


def role_ports(settings: Settings) -> tuple[NeededPort, ...]:
    """FastAGI, AudioSocket and the pages."""
    return (
        NeededPort(settings.agi_port, "AGI_PORT", host=settings.bind_host),
        NeededPort(settings.audiosocket_port, "AUDIOSOCKET_PORT", host=settings.bind_host),
        NeededPort(settings.web_port, "WEB_PORT", host=settings.bind_host),
    )


def wait_for_role_ports(settings: Settings, within_s: float = LEFT_BEHIND_S) -> None:
    """Return when all are free; roles that a killed supervisor left are given time to end. Blocks.

    Raises:
        PbxPortTaken: another program keeps some; all of them, and the settings that choose others.
    """
    deadline = time.monotonic() + within_s
    while taken_ports(role_ports(settings)) and time.monotonic() < deadline:
        time.sleep(0.1)
    check_ports(role_ports(settings))
