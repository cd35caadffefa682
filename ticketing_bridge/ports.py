"""The ports on which our own roles listen: known before they start, so that one line tells what is wrong."""

from __future__ import annotations

import time
from collections.abc import Sequence

from config.settings import Settings
from config.sites import PbxSite
from telephony.pbx.process import NeededPort, check_ports, taken_ports

#: roles of a supervisor that was killed end by themselves within this time (seconds)
LEFT_BEHIND_S = 8.0


def role_ports(settings: Settings, further: Sequence[PbxSite] = ()) -> tuple[NeededPort, ...]:
    """FastAGI of every PBX, AudioSocket and the pages."""
    host = settings.listen_host
    return (
        NeededPort(settings.agi_port, "AGI_PORT", host=host),
        NeededPort(settings.audiosocket_port, "AUDIOSOCKET_PORT", host=host),
        NeededPort(settings.web_port, "WEB_PORT", host=settings.bind_host),
        *(NeededPort(it.agi_port, f"HOTLINE_CONFIG (pbxs {it.id} agi_port)", host=host) for it in further),
    )


def wait_for_role_ports(
    settings: Settings, further: Sequence[PbxSite] = (), within_s: float = LEFT_BEHIND_S
) -> None:
    """Return when all are free; roles that a killed supervisor left are given time to end. Blocks.

    Raises:
        PbxPortTaken: another program keeps some; all of them, and the settings that choose others.
    """
    deadline = time.monotonic() + within_s
    needed = role_ports(settings, further)
    while taken_ports(needed) and time.monotonic() < deadline:
        time.sleep(0.1)
    check_ports(needed)
