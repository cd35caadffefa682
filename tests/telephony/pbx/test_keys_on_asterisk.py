"""Keys typed in one burst, without listening: each arrives once, however late the next command comes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from facts.caller_session import JourneyFact
from telephony.agi.protocol import AgiAnswer
from telephony.agi.session import AgiSession
from tests.pbx import AmiWitness
from tests.pbx_people import Flows, Telephones
from tests.sip_phone import wait_until

pytestmark = pytest.mark.pbx
KEYS = "12345678901234"
#: at once; HOTLINE_EXAMPLES=40 for a long proof
CALLERS = int(os.environ.get("HOTLINE_EXAMPLES", "4"))
#: a server on a busy machine comes to its next command so late (seconds)
LATE_S = 0.08


async def one_number(session: AgiSession) -> str:
    read = await session.collect(
        [], max_digits=30, terminator="#", first_timeout_ms=20_000, between_timeout_ms=2000
    )
    return read.digits


async def many_questions(session: AgiSession) -> str:
    """As the interpreter goes from node to node, with all it writes on the call."""
    pressed = ""
    while not pressed.endswith("#"):
        read = await session.collect(
            [], max_digits=1, terminator="", first_timeout_ms=20_000, between_timeout_ms=0
        )
        pressed += read.digits or "-"
        await session.enter("menu", {"Flow": "main"})
        await session.report(JourneyFact.ANSWER, {"Name": "n", "Value": read.digits})
        await session.mark("menu", {"Key": read.digits, "Ms": "1"})
    return pressed.removesuffix("#")


@contextmanager
def busy_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All commands of the server are late."""
    command = AgiSession.command

    async def late(self: AgiSession, *words: str, **more: float) -> AgiAnswer:
        await asyncio.sleep(LATE_S)
        return await command(self, *words, **more)

    with monkeypatch.context() as patch:
        patch.setattr(AgiSession, "command", late)
        yield


@pytest.mark.parametrize(
    ("keys", "down_ms", "pause_ms", "busy", "tones"),
    [
        (KEYS, 160, 0, False, False),
        ("11223344", 40, 40, False, False),
        ("1223", 60, 60, True, False),
        ("1123", 60, 60, False, True),
    ],
    ids=["without a pause", "quick keys", "on a busy machine", "as tones"],
)
def test_a_burst_of_keys_arrives_whole(
    ami: AmiWitness,
    telephones: Telephones,
    flows: Flows,
    monkeypatch: pytest.MonkeyPatch,
    keys: str,
    down_ms: int,
    pause_ms: int,
    busy: bool,
    tones: bool,
) -> None:
    there: list[str] = []
    read: list[str] = []

    async def lead(session: AgiSession) -> None:
        there.append(session.channel)
        reads = one_number if len(there) % 2 else many_questions
        read.append(await reads(session))
        await session.hang_up()

    flows.leads["main"] = lead
    with ExitStack() as lines:
        if busy:
            lines.enter_context(busy_machine(monkeypatch))
        callers = [lines.enter_context(telephones.citizen(f"139{number:08d}")) for number in range(CALLERS)]
        for caller in callers:
            caller.sounds_keys = tones
            assert caller.call("12345") == 200
        assert wait_until(lambda: len(there) == len(callers))
        for caller in callers:
            caller.burst(f"{keys}#", down_ms, pause_ms)
        assert wait_until(lambda: len(read) == len(callers), 60)
    assert read == [keys] * len(callers)
