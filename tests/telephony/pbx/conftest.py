"""A PBX whose lines each end in another way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.hotline import Hotline, load_hotline
from telephony.pbx.program import AsteriskProgram
from tests.pbx import RunningPbx, pbx_up


@pytest.fixture(scope="session")
def endings() -> Hotline:
    """The hotline of these tests."""
    return load_hotline(Path(__file__).parent)


@pytest.fixture(scope="session")
def endings_pbx(asterisk_program: AsteriskProgram, endings: Hotline) -> Iterator[RunningPbx]:
    """A real Asterisk that serves it; nobody listens on the FastAGI port."""
    with pbx_up(asterisk_program, endings) as pbx:
        yield pbx
