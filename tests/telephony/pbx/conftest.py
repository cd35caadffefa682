"""A PBX whose lines each end in another way, and the flows' server that leads its callers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.hotline import Hotline, load_hotline
from telephony.ami.link import AmiAddress
from telephony.pbx.program import AsteriskProgram
from tests.pbx import AmiWitness, RunningPbx, pbx_up
from tests.pbx_people import Flows, Telephones
from ticketing_bridge.bench.ports import free_port


@pytest.fixture(scope="session")
def endings() -> Hotline:
    """The hotline of these tests."""
    return load_hotline(Path(__file__).parent)


@pytest.fixture(scope="session")
def endings_pbx(asterisk_program: AsteriskProgram, endings: Hotline) -> Iterator[RunningPbx]:
    """A real Asterisk that serves it; nobody listens on the FastAGI port."""
    with pbx_up(asterisk_program, endings, outside_sip_port=free_port(socket.SOCK_DGRAM)) as pbx:
        yield pbx


@pytest.fixture
def flows(endings_pbx: RunningPbx) -> Iterator[Flows]:
    """Callers are led by what the test puts into ``leads``; a flow without a lead ends at once."""
    settings, secret = endings_pbx.settings, endings_pbx.secrets.ami_originator
    address = AmiAddress("127.0.0.1", settings.ami_port, "hotline-originator", secret, "city")
    with Flows(settings.agi_port, ami=address) as serving:
        yield serving


@pytest.fixture
def ami(endings_pbx: RunningPbx) -> Iterator[AmiWitness]:
    """What the PBX says, by the reader's rights."""
    with endings_pbx.reader() as witness:
        yield witness


@pytest.fixture
def telephones(endings_pbx: RunningPbx) -> Telephones:
    return Telephones(endings_pbx)
